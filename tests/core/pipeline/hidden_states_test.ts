import assert from "node:assert/strict";
import { HiddenStates } from "../../../core/pipeline/hidden_states.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";

const SIZES = { samples: 4, seqLen: 3, width: 5 };

Deno.test("HiddenStates reads back what was written, in memory and spilled", async () => {
  using backend = createReferenceBackend();
  const folder = await Deno.makeTempDir();
  for (const spill of [false, true]) {
    await using hidden = await HiddenStates.create(backend, { ...SIZES, spill, folder });
    assert.equal([...Deno.readDirSync(folder)].length, spill ? 1 : 0);
    const values = Float32Array.from({ length: 60 }, (_, i) => i / 7);
    using first = backend.upload(values.subarray(0, 45), "F32", [9, 5]);
    using last = backend.upload(values.subarray(45), "F32", [3, 5]);
    await hidden.write(3, last);
    await hidden.write(0, first);
    using middle = await hidden.read(1, 3);
    assert.deepEqual(middle.shape, [9, 5]);
    assert.deepEqual(backend.download(middle), values.slice(15));
    using other = backend.upload(new Float32Array(15).fill(9), "F32", [3, 5]);
    await hidden.write(1, other);
    using whole = await hidden.read(0, 4);
    assert.deepEqual(backend.download(whole), values.fill(9, 15, 30));
  }
  assert.equal([...Deno.readDirSync(folder)].length, 0);
  await Deno.remove(folder);
});

Deno.test("HiddenStates says what is wrong with its file in one line", async () => {
  using backend = createReferenceBackend();
  const folder = await Deno.makeTempDir();
  await Deno.remove(folder);
  await assert.rejects(HiddenStates.create(backend, { ...SIZES, spill: true, folder }), {
    code: "disk",
    message: /^Cannot make the temporary file of hidden states: /,
  });
  await Deno.mkdir(folder);
  await using hidden = await HiddenStates.create(backend, { ...SIZES, spill: true, folder });
  await assert.rejects(hidden.read(0, 1), {
    code: "disk",
    message: /^Cannot read the temporary file of hidden states: it is shorter/,
  });
  await Deno.remove(folder, { recursive: true });
});
