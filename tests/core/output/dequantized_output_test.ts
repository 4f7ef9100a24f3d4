import assert from "node:assert/strict";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { definePlugin } from "../../../core/plugin.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";

for (const dtype of ["F32", "BF16", "F16"] as const) {
  Deno.test(`dequantized writes (q - zero) * scale, in ${dtype} as the original`, async () => {
    await using folder = await temporaryDirectory();
    await writeTinyModel(folder.path, TINY_LLAMA, { dtype });
    using backend = createReferenceBackend();
    using model = await openModel(folder.path, backend);
    const plugins = [rtn({ bits: 3, groupSize: 16 })];
    const out = `${folder.path}/out`;
    await quantize({ model, backend, plugins, format: "dequantized", out });
    using written = await openModel(out, backend);
    assert.equal(written.quantization, undefined);
    assert.deepEqual(written.rawConfig, model.rawConfig);
    assert.deepEqual(
      [...written.checkpoint.entries.keys()].sort(),
      [...model.checkpoint.entries.keys()].sort(),
    );
    for (const { name } of model.linears) {
      using original = model.checkpoint.tensor(`${name}.weight`);
      const grid = { bits: 3, groupSize: 16, symmetric: false, scaleDtype: "F16" } as const;
      using weight = await backend.quantize(original, { ...grid, range: "minmax" });
      using wide = await backend.dequantize(weight);
      using expected = await backend.cast(wide, dtype);
      using found = written.checkpoint.tensor(`${name}.weight`);
      assert.equal(found.dtype, dtype);
      assert.deepEqual(backend.downloadBytes(found), backend.downloadBytes(expected));
    }
    using norm = written.checkpoint.tensor("model.norm.weight");
    using before = model.checkpoint.tensor("model.norm.weight");
    assert.deepEqual(backend.downloadBytes(norm), backend.downloadBytes(before));
  });
}

Deno.test("dequantized takes linears on different grids, and leaves others as they are", async () => {
  await using folder = await temporaryDirectory();
  await writeTinyModel(folder.path, TINY_LLAMA);
  using backend = createReferenceBackend();
  const some = definePlugin({
    name: "some",
    apiVersion: 1,
    async quantizeLinear(linear, ctx) {
      if (linear.role === "o") return undefined;
      const options = {
        bits: linear.role === "q" ? 8 : 2,
        groupSize: linear.role === "k" ? 8 : 32,
      };
      const grid = ctx.grid.resolve(options, linear);
      return { weight: await ctx.ops.quantize(linear.weight, grid) };
    },
  });
  const out = `${folder.path}/out`;
  await quantize({ model: folder.path, backend, plugins: [some], format: "dequantized", out });
  using written = await openModel(out, backend);
  const distinct = (role: string): number => {
    using tensor = written.checkpoint.tensor(`model.layers.0.self_attn.${role}_proj.weight`);
    return new Set(backend.download(tensor).subarray(0, 32)).size;
  };
  assert.ok(distinct("q") > 20 && distinct("o") > 20);
  assert.ok(distinct("k") <= 16 && distinct("v") <= 4);
});

Deno.test("dequantized refuses a directory that is taken", async () => {
  await using folder = await temporaryDirectory();
  await writeTinyModel(folder.path, TINY_LLAMA);
  using backend = createReferenceBackend();
  const options = { model: folder.path, backend, plugins: [rtn({ bits: 4, groupSize: 16 })] };
  await refused(
    () => quantize({ ...options, format: "dequantized", out: folder.path }),
    /exists: choose another --out/,
  );
});
