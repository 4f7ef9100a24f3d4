/**
 * llama.cpp quantizes a GGUF file, in a process of its own:
 *
 *     deno run -A tests_clients/children/quantize_gguf.ts < REQUEST.json
 *
 * REQUEST is `{"library","from","to","type"}`: where llama.cpp's libraries are, two files, and the number of the mixture
 * (`llama_ftype`). The answer, the last line of the output, is the status: 0 for success.
 *
 * @module
 */

const { library, from, to, type } = JSON.parse(await new Response(Deno.stdin.readable).text());
const name = [...Deno.readDirSync(library)].find((entry) =>
  /^libllama(\.v[\d.]+)?\.so$/.test(entry.name)
)?.name;
if (name === undefined) throw new Error(`There is no libllama in ${library}`);
const llama = Deno.dlopen(
  `${library}/${name}`,
  {
    llama_backend_init: { parameters: [], result: "void" },
    // The struct is returned in memory of the caller's, as the System V ABI does with large ones.
    llama_model_quantize_default_params: {
      parameters: [
        "buffer", // struct llama_model_quantize_params * result
      ],
      result: "void",
    },
    llama_model_quantize: {
      parameters: [
        "buffer", // const char * fname_inp
        "buffer", // const char * fname_out
        "buffer", // const struct llama_model_quantize_params * params
      ],
      result: "u32",
    },
  } as const,
);
const params = new Uint8Array(512);
llama.symbols.llama_backend_init();
llama.symbols.llama_model_quantize_default_params(params);
const view = new DataView(params.buffer);
view.setInt32(0, 2, true); // nthread
view.setUint32(4, type, true); // ftype
const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(`${value}\0`);
const status = llama.symbols.llama_model_quantize(text(from), text(to), params);
llama.close();
console.log(JSON.stringify(status));
