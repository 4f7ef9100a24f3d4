import assert from "node:assert/strict";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { temporaryDirectory } from "../checkpoint/checkpoint_files.ts";
import { familyCases, writeFamilyModel } from "../model/families/family_cases.ts";

Deno.test("a written config.json keeps floats that are whole, which transformers' MPT asks for", async () => {
  await using folder = await temporaryDirectory();
  const each = familyCases().find(({ name }) => name === "mpt");
  assert.ok(each !== undefined);
  await Deno.mkdir(`${folder.path}/model`);
  await writeFamilyModel(`${folder.path}/model`, each);
  const file = `${folder.path}/model/config.json`;
  const text = JSON.stringify({ ...each.config, embedding_fraction: 1 });
  await Deno.writeTextFile(
    file,
    text.replace(`"embedding_fraction":1`, `"embedding_fraction":1.0`),
  );
  using backend = createReferenceBackend();
  using model = await openModel(`${folder.path}/model`, backend);
  for (const format of ["gptq", "dequantized"]) {
    const out = `${folder.path}/${format}`;
    await quantize({ model, backend, format, out, plugins: [rtn({ bits: 4, groupSize: 16 })] });
    const written = await Deno.readTextFile(`${out}/config.json`);
    assert.match(written, /"embedding_fraction": 1\.0,?\n/);
    assert.match(written, /"n_layers": 2,?\n/);
  }
});
