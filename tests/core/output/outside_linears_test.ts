import assert from "node:assert/strict";
import { openModel } from "../../../core/model/open_model.ts";
import { outsideLinears } from "../../../core/output/outside_linears.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { familyCases, writeFamilyModel } from "../model/families/family_cases.ts";

Deno.test("what is plain outside of the blocks is named in every format, and copied", async () => {
  const each = familyCases().find(({ name }) => name === "gemma3-conditional")!;
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/model`);
    await writeFamilyModel(`${folder}/model`, each);
    using backend = createReferenceBackend();
    using model = await openModel(`${folder}/model`, backend);
    const outside = outsideLinears(model);
    const seen = "vision_tower.encoder.layers.0.self_attn.q_proj";
    assert.ok(outside.includes(seen));
    assert.ok(!outside.some((name) => name.startsWith("language_model.")), outside.join());
    for (const format of ["awq-gemm", "gptq", "pack-quantized"]) {
      const out = `${folder}/${format}`;
      await quantize({ model, backend, format, out, plugins: [rtn({ bits: 4, groupSize: 16 })] });
      const config = JSON.parse(await Deno.readTextFile(`${out}/config.json`));
      const { modules_to_not_convert, ignore, dynamic } = config.quantization_config;
      const pattern = `-:^${seen.replaceAll(".", "\\.")}$`;
      const named = (modules_to_not_convert ?? ignore)?.includes(seen) ?? pattern in dynamic;
      assert.ok(named, `${format} does not name it`);
      using written = await openModel(out, backend);
      using before = model.checkpoint.tensor(`${seen}.weight`);
      using after = written.checkpoint.tensor(`${seen}.weight`);
      assert.deepEqual(backend.download(after), backend.download(before));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a model with embedding, blocks and lm_head has nothing else to name", async () => {
  using backend = createReferenceBackend();
  using model = await openModel("models/salient-tiny", backend);
  assert.deepEqual(outsideLinears(model), []);
});
