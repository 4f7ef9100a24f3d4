import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import { convertModel } from "../../../core/convert/convert_model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

const RUNS = 400;

Deno.test("a GGUF file with any bytes of its header changed opens, or is refused in one line", async () => {
  await using folder = await temporaryDirectory();
  await writeTinyModel(folder.path, TINY_LLAMA, { dtype: "F16" });
  using backend = createReferenceBackend();
  const out = `${folder.path}/m.gguf`;
  await convertModel({ model: folder.path, backend, format: "gguf", out });
  const whole = await Deno.readFile(out);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = (i: number, most: number): number =>
    (Math.imul(seed ^ Math.imul(i, 0x9e3779b1), 0x85ebca6b) >>> 4) % most;
  // The header of this file, some 3 KB; the numbers after it may be anything.
  const header = 3000;
  let refused = 0;
  for (let run = 0; run < RUNS; run++) {
    const bytes = whole.slice();
    for (let change = 0; change <= run % 4; change++) {
      bytes[random(run * 16 + change * 2, header)] = random(run * 16 + change * 2 + 1, 256);
    }
    const path = `${folder.path}/${run}.gguf`;
    await Deno.writeFile(path, bytes);
    try {
      using model = await openModel(path, backend);
      for (const name of model.checkpoint.entries.keys()) {
        using _tensor = model.checkpoint.tensor(name);
      }
    } catch (error) {
      const shown = `seed ${seed}, run ${run}: ${error}`;
      assert.ok(error instanceof SalientError && error.code === "input", shown);
      assert.ok(!error.message.includes("\n"), shown);
      refused++;
    } finally {
      await Deno.remove(path);
    }
  }
  assert.ok(refused > RUNS / 10, `${refused} of ${RUNS} were refused`);
});
