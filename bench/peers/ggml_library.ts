/**
 * Opens ggml's shared libraries out of the package `@node-llama-cpp/linux-x64`.
 *
 * @module
 */

import { BASE, CPU } from "./ggml_symbols.ts";

const FOLDER = new URL(
  "node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/",
  import.meta.url,
);

/** ggml with the variant for this processor. */
export interface Ggml {
  /** Tensors, graphs, buffers and quantization. */
  readonly base: Deno.DynamicLibrary<typeof BASE>["symbols"];
  /** The processor's kernels and threads. */
  readonly cpu: Deno.DynamicLibrary<typeof CPU>["symbols"];
  /** The variant that was taken, for example `zen4`. */
  readonly variant: string;
}

/** Opens the libraries: of the variants the one that scores highest here, as llama.cpp itself does. */
export function openGgml(): Ggml {
  const base = Deno.dlopen(new URL("libggml-base.so", FOLDER), BASE).symbols;
  let best: { name: string; score: number } | undefined;
  for (const { name } of Deno.readDirSync(FOLDER)) {
    if (!/^libggml-cpu-.*\.so$/.test(name)) continue;
    const scored = Deno.dlopen(new URL(name, FOLDER), {
      ggml_backend_score: CPU.ggml_backend_score,
    });
    const score = scored.symbols.ggml_backend_score();
    scored.close();
    if (score > (best?.score ?? 0)) best = { name, score };
  }
  if (best === undefined) throw new Error("No variant of ggml runs on this processor");
  const cpu = Deno.dlopen(new URL(best.name, FOLDER), CPU).symbols;
  return { base, cpu, variant: best.name.slice("libggml-cpu-".length, -".so".length) };
}

/**
 * The buffer type whose weights are rearranged for the kernels that take several rows at once, as
 * llama.cpp uses it; null where there is none.
 */
export function repackBufferType(ggml: Ggml): Deno.PointerValue {
  const reg = ggml.cpu.ggml_backend_cpu_reg();
  const name = new TextEncoder().encode("ggml_backend_dev_get_extra_bufts\0");
  const address = ggml.base.ggml_backend_reg_get_proc_address(reg, name);
  if (address === null) return null;
  const extraTypes = new Deno.UnsafeFnPointer(
    address as Deno.PointerObject<{ parameters: ["pointer"]; result: "pointer" }>,
    { parameters: ["pointer"], result: "pointer" },
  );
  const list = extraTypes.call(ggml.base.ggml_backend_reg_dev_get(reg, 0n));
  if (list === null) return null;
  const view = new Deno.UnsafePointerView(list);
  for (let i = 0; i < 16; i++) {
    const type = view.getPointer(i * 8);
    if (type === null) return null;
    const shown = ggml.base.ggml_backend_buft_name(type);
    if (shown !== null && Deno.UnsafePointerView.getCString(shown).includes("REPACK")) return type;
  }
  return null;
}
