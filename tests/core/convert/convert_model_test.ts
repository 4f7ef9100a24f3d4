import assert from "node:assert/strict";
import { convertModel } from "../../../core/convert/convert_model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { definePlugin } from "../../../core/plugin.ts";
import type { Backend } from "../../../core/backend.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { testBackends } from "../../test_backends.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

const BIASED = { ...TINY_LLAMA, attention_bias: true };
const fastest = testBackends().at(-1)!;

/** Every tensor of a checkpoint, as text that can be compared. */
async function contents(directory: string, backend: Backend): Promise<Map<string, string>> {
  using model = await openModel(directory, backend);
  const all = new Map<string, string>();
  for (const { name, dtype, shape } of model.checkpoint.entries.values()) {
    using tensor = model.checkpoint.tensor(name);
    const bytes = backend.downloadBytes(tensor);
    all.set(name, `${dtype} [${shape}] ${bytes.toHex()}`);
  }
  all.set("config", JSON.stringify(model.rawConfig));
  return new Map([...all].sort());
}

/** A tiny model, quantized into a format. */
async function quantized(
  folder: string,
  backend: Backend,
  format: string,
  grid: Parameters<typeof rtn>[0],
): Promise<string> {
  await Deno.mkdir(`${folder}/plain`, { recursive: true });
  await writeTinyModel(`${folder}/plain`, BIASED, { dtype: "BF16" });
  const out = `${folder}/${format}`;
  const skip = ["layers.1.mlp.up_proj"];
  await quantize({ model: `${folder}/plain`, backend, plugins: [rtn(grid)], format, out, skip });
  return out;
}

const FORMATS = ["awq-gemm", "awq-gemv", "gptq", "gptq-v2", "pack-quantized"];

for (const from of FORMATS) {
  Deno.test(`convertModel() from ${from} to every other format and back changes no byte`, async () => {
    await using folder = await temporaryDirectory();
    using backend = await fastest.create();
    const grid = { bits: 4, groupSize: 32, symmetric: from === "gptq" };
    const first = await quantized(folder.path, backend, from, grid);
    const before = await contents(first, backend);
    for (const to of FORMATS.filter((name) => name !== from)) {
      // Zero points of 0 are for gptq-v2 alone; a symmetric grid has none.
      if (to === "gptq" && !grid.symmetric) continue;
      const there = `${folder.path}/${from}-${to}`;
      const report = await convertModel({ model: first, backend, format: to, out: there });
      assert.deepEqual([report.from, report.format, report.lossless], [from, to, true]);
      assert.deepEqual([report.linears, report.bits, report.groupSize], [13, 4, 32]);
      const back = `${there}-back`;
      await convertModel({ model: there, backend, format: from, out: back });
      assert.deepEqual(await contents(back, backend), before, to);
    }
  });
}

Deno.test("convertModel() to gguf and to dequantized means the same numbers", async () => {
  await using folder = await temporaryDirectory();
  using backend = createReferenceBackend();
  const grid = { bits: 4, groupSize: 32, symmetric: true };
  const first = await quantized(folder.path, backend, "pack-quantized", grid);
  const gguf = `${folder.path}/m.gguf`;
  const report = await convertModel({ model: first, backend, format: "gguf", out: gguf });
  assert.deepEqual([report.lossless, report.linears], [true, 13]);
  const plain = `${folder.path}/dequantized`;
  const rounded = await convertModel({ model: first, backend, format: "dequantized", out: plain });
  assert.equal(rounded.lossless, false);
  using a = await openModel(gguf, backend);
  using b = await openModel(plain, backend);
  assert.equal(b.rawConfig["quantization_config"], undefined);
  for (const { name, shape } of a.linears) {
    using left = a.checkpoint.tensor(`${name}.weight`);
    using right = b.checkpoint.tensor(`${name}.weight`);
    assert.equal(right.dtype, "BF16");
    assert.deepEqual(right.shape, shape);
    using narrow = await backend.cast(left, "BF16");
    assert.deepEqual(backend.downloadBytes(narrow), backend.downloadBytes(right));
  }
});

Deno.test("convertModel() writes a plain model as gguf, and that as safetensors again", async () => {
  await using folder = await temporaryDirectory();
  using backend = createReferenceBackend();
  await writeTinyModel(folder.path, BIASED, { dtype: "F16" });
  const out = `${folder.path}/m.gguf`;
  const there = await convertModel({ model: folder.path, backend, format: "gguf", out });
  assert.deepEqual([there.from, there.linears, there.bits], ["safetensors", 0, null]);
  const back = `${folder.path}/back`;
  await convertModel({ model: out, backend, format: "dequantized", out: back });
  const [before, after] = [await contents(folder.path, backend), await contents(back, backend)];
  for (const [name, value] of before) {
    // Norms and biases are F32 in a GGUF file.
    if (/norm|bias|config/.test(name)) continue;
    assert.equal(after.get(name), value, name);
  }
  assert.deepEqual([...after.keys()], [...before.keys()]);
});

Deno.test("convertModel() refuses what the other format cannot hold, and leaves nothing", async () => {
  await using folder = await temporaryDirectory();
  using backend = createReferenceBackend();
  async function refuse(model: string, format: string, text: RegExp): Promise<void> {
    const out = `${folder.path}/out.gguf`;
    await refused(() => convertModel({ model, backend, format, out }), text);
    const left = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
    assert.ok(!left.some((name) => name.includes("out.gguf")), left.join());
  }
  const eight = await quantized(folder.path, backend, "gptq", {
    bits: 8,
    groupSize: 16,
    symmetric: true,
  });
  await refuse(eight, "awq-gemm", /awq-gemm holds at most 4 bits, not the 8 of model\.layers\.0/);
  await refuse(eight, "gguf", /blocks of 32 inputs/);
  await refuse(eight, "awq-gemv", /holds at most 4 bits/);
  await refuse(`${folder.path}/plain`, "gptq", /has no quantized linears to convert to gptq/);
  const gguf = `${folder.path}/eight.gguf`;
  await convertModel({ model: `${folder.path}/plain`, backend, format: "gguf", out: gguf });
  await refuse(gguf, "gptq", /stores plain numbers, which gptq does not hold/);
  // A group whose weights are all above 0 has zero point 0.
  const positive = definePlugin({
    name: "positive",
    apiVersion: 1,
    async quantizeLinear(linear, ctx) {
      const grid = ctx.grid.resolve({ bits: 4, groupSize: 32 }, linear);
      const values = ctx.ops.download(linear.weight).map(Math.abs);
      using weight = ctx.ops.upload(values, "F32", linear.shape);
      return { weight: await ctx.ops.quantize(weight, grid) };
    },
  });
  const model = `${folder.path}/plain`;
  const above = `${folder.path}/above`;
  await quantize({ model, backend, plugins: [positive], format: "awq-gemm", out: above });
  await refuse(
    above,
    "gptq",
    /^Linear model\.layers\.0\.self_attn\.q_proj: Format gptq stores zero/,
  );
  const mixed = `${folder.path}/mixed`;
  const grids = definePlugin({
    name: "mixed",
    apiVersion: 1,
    async quantizeLinear(linear, ctx) {
      const grid = ctx.grid.resolve({ bits: 4, groupSize: linear.role === "q" ? 16 : 32 }, linear);
      return { weight: await ctx.ops.quantize(linear.weight, grid) };
    },
  });
  await quantize({ model, backend, plugins: [grids], format: "pack-quantized", out: mixed });
  await refuse(mixed, "awq-gemm", /stores all linears on one grid/);
});

Deno.test("convertModel() to dequantized leaves activations unrounded, and says so", async () => {
  await using folder = await temporaryDirectory();
  using backend = createReferenceBackend();
  await Deno.mkdir(`${folder.path}/plain`);
  await writeTinyModel(`${folder.path}/plain`, TINY_LLAMA, { dtype: "BF16" });
  const rounding = definePlugin({
    name: "rounding",
    apiVersion: 1,
    quantizeActivation: () => ({ bits: 8, granularity: "token", dynamic: true }),
  });
  const grid = { bits: 8, groupSize: -1, symmetric: true };
  const first = `${folder.path}/w8a8`;
  await quantize({
    model: `${folder.path}/plain`,
    backend,
    plugins: [rtn(grid), rounding],
    format: "int-quantized",
    out: first,
  });
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const out = `${folder.path}/dequantized`;
  await convertModel({ model: first, backend, format: "dequantized", out, warn });
  assert.match(
    warnings.join(),
    /q_proj and others have inputs in 8 bits, which dequantized leaves unrounded/,
  );
  using plain = await openModel(out, backend);
  using block = await plain.loadBlock(0);
  assert.ok([...block.linears.values()].every(({ activation }) => activation === undefined));
  await refused(
    () => convertModel({ model: first, backend, format: "pack-quantized", out: `${out}2` }),
    /cannot say that the inputs of .*q_proj are quantized to 8 bits/,
  );
});
