import assert from "node:assert/strict";
import type { Backend } from "../../../core/backend.ts";
import { convertModel } from "../../../core/convert/convert_model.ts";
import { linearSource } from "../../../core/convert/linear_source.ts";
import { readGguf } from "../../../core/gguf/read_gguf.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { testBackends } from "../../test_backends.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

const fastest = testBackends().at(-1)!;
const WIDE = { ...TINY_LLAMA, hidden_size: 256, intermediate_size: 512 };

/** Codes, scales and zero points of every quantized linear, as text. */
async function integers(directory: string, backend: Backend): Promise<Map<string, string>> {
  using model = await openModel(directory, backend);
  const source = linearSource(model, false);
  const all = new Map<string, string>();
  for (const linear of source.linears.keys()) {
    using weight = (await source.read(linear)).weight;
    const { bits, groupSize } = weight.grid;
    const parts = [weight.codes, weight.scales, weight.zeros]
      .map((tensor) => backend.downloadBytes(tensor).toHex());
    all.set(linear.name, `${bits} ${groupSize} ${parts}`);
  }
  return all;
}

async function quantized(folder: string, backend: Backend, grid: Parameters<typeof rtn>[0]) {
  await Deno.mkdir(`${folder}/plain`, { recursive: true });
  await writeTinyModel(`${folder}/plain`, WIDE, { dtype: "BF16" });
  const options = { model: `${folder}/plain`, backend, plugins: [rtn(grid)] };
  await quantize({ ...options, format: "pack-quantized", out: `${folder}/direct` });
  await quantize({ ...options, format: "gguf", out: `${folder}/m.gguf` });
  return { direct: `${folder}/direct`, gguf: `${folder}/m.gguf` };
}

const CASES = [
  { blocks: "Q4_0", grid: { bits: 4, groupSize: 32, symmetric: true }, to: ["gptq", "awq-gemm"] },
  { blocks: "Q4_0", grid: { bits: 4, groupSize: 128, symmetric: true }, to: ["gptq-v2"] },
  { blocks: "Q4_1", grid: { bits: 4, groupSize: 32 }, to: ["gptq-v2", "awq-gemm"] },
  { blocks: "Q4_K", grid: { bits: 4, groupSize: 256 }, to: ["gptq-v2", "pack-quantized"] },
  {
    blocks: "Q8_0",
    grid: { bits: 8, groupSize: 64, symmetric: true },
    to: ["gptq", "int-quantized"],
  },
] as const;

for (const { blocks, grid, to } of CASES) {
  Deno.test(`${blocks} in groups of ${grid.groupSize} becomes integers again`, async () => {
    await using folder = await temporaryDirectory();
    using backend = await fastest.create();
    const { direct, gguf } = await quantized(folder.path, backend, grid);
    const { tensors } = await readGguf(gguf);
    assert.equal(tensors.get("blk.0.ffn_down.weight")?.type, blocks);
    const expected = await integers(direct, backend);
    assert.equal(expected.size, 14);
    assert.deepEqual(await integers(gguf, backend), expected);
    for (const format of to) {
      const out = `${folder.path}/${format}`;
      const report = await convertModel({ model: gguf, backend, format, out });
      assert.deepEqual([report.from, report.format, report.linears], ["gguf", format, 14]);
      assert.deepEqual([report.bits, report.groupSize], [grid.bits, grid.groupSize]);
      // A minimum of Q4_1 is an fp16 number, that of the grid is exact.
      assert.equal(report.lossless, blocks !== "Q4_1");
      assert.deepEqual(await integers(out, backend), expected, format);
    }
  });
}

Deno.test("blocks on no grid are refused, and so are files without blocks", async () => {
  await using folder = await temporaryDirectory();
  using backend = createReferenceBackend();
  const { gguf } = await quantized(folder.path, backend, { bits: 4, groupSize: 32 });
  const out = `${folder.path}/out`;
  const place = (await readGguf(gguf)).tensors.get("blk.1.ffn_up.weight")!;
  const bytes = await Deno.readFile(gguf);
  // The minimum of a block: a seventh of what it was, as no whole multiple of the scale is.
  const view = new DataView(bytes.buffer);
  const at = place.offset + 20 * 11;
  view.setFloat16(at + 2, -view.getFloat16(at, true) * 3.37, true);
  await Deno.writeFile(gguf, bytes);
  const error = await refused(
    () => convertModel({ model: gguf, backend, format: "gptq-v2", out }),
    /model\.layers\.1\.mlp\.up_proj .* Q4_1 blocks whose minima are no multiples of their scales/,
  );
  assert.equal(error.tensor, "model.layers.1.mlp.up_proj");
  await assert.rejects(Deno.stat(out));

  // Another type of blocks of the same size: IQ4_NL has 18 bytes, as Q4_0 has.
  await quantize({
    model: `${folder.path}/plain`,
    backend,
    plugins: [rtn({ bits: 4, groupSize: 32, symmetric: true })],
    format: "gguf",
    out: `${folder.path}/n.gguf`,
  });
  const other = await Deno.readFile(`${folder.path}/n.gguf`);
  const name = new TextEncoder().encode("blk.0.attn_k.weight");
  const found = other.findIndex((_, i) => name.every((letter, j) => other[i + j] === letter));
  new DataView(other.buffer).setUint32(found + name.length + 4 + 16, 20, true);
  await Deno.writeFile(`${folder.path}/n.gguf`, other);
  await refused(
    () => convertModel({ model: `${folder.path}/n.gguf`, backend, format: "gptq", out }),
    /k_proj .* is stored in IQ4_NL blocks, .* \(Q4_0, Q4_1, Q4_K, Q5_0, Q5_1, Q8_0 may be converted\)/,
  );
  const plain = `${folder.path}/p.gguf`;
  await convertModel({ model: `${folder.path}/plain`, backend, format: "gguf", out: plain });
  await refused(
    () => convertModel({ model: plain, backend, format: "gptq", out }),
    /p\.gguf stores plain numbers, which gptq does not hold: quantize it/,
  );
});
