import assert from "node:assert/strict";
import { mutateFiles } from "./mutate/mutate_files.ts";
import { Dice } from "./mutate/dice.ts";
import { allReaders } from "./readers/all_readers.ts";
import { runCase, writeCase } from "./run_case.ts";
import { fuzzReaders } from "./watch_child.ts";
import type { FuzzReader } from "./fuzz_reader.ts";
import { createReferenceBackend } from "../../ffi/reference/reference_backend.ts";
import { SalientError } from "../../core/errors.ts";

const SECONDS = 2;
const SEED = 20261124;

Deno.test("every reader reads or refuses damaged files, whatever is wrong with them", async () => {
  const readers = allReaders.map(({ name }) => name);
  const { reports, faults } = await fuzzReaders({ readers, seconds: SECONDS, seed: SEED });
  assert.deepEqual(faults.map(({ reader, case: number, text }) => ({ reader, number, text })), []);
  assert.deepEqual(reports.map(({ reader }) => reader), readers);
  for (const { reader, accepted, refused } of reports) {
    assert.ok(accepted > 0 && refused > 0, `${reader}: ${accepted} read, ${refused} refused`);
  }
});

Deno.test("the same seed damages files in the same way", async () => {
  const files = new Map([["a.json", new TextEncoder().encode('{"a": [1, 2, {"b": "c"}]}')]]);
  const texts = (seed: number) =>
    Array.from({ length: 50 }, (_, i) => {
      const damaged = mutateFiles(files, new Dice(`${seed} ${i}`)).get("a.json");
      return new TextDecoder().decode(damaged);
    });
  assert.deepEqual(texts(1), texts(1));
  assert.notDeepEqual(texts(1), texts(2));
  assert.ok(new Set(texts(1)).size > 40);
  await Promise.resolve();
});

Deno.test("a case with an error that is no refusal, or that keeps memory, is a fault", async () => {
  using backend = createReferenceBackend();
  const folder = await Deno.makeTempDir();
  const run = (read: FuzzReader["read"]) =>
    runCase({ name: "test", corpus: () => Promise.resolve([]), read }, folder, backend);
  const fails = (error: Error) => run(() => Promise.reject(error));
  try {
    await writeCase(folder, new Map([["a", Uint8Array.of(1)]]));
    assert.equal((await run(async (path) => void await Deno.stat(`${path}/a`))).kind, "accepted");
    assert.equal((await fails(new SalientError("input", "No"))).kind, "refused");
    assert.equal((await fails(new SalientError("usage", "No"))).kind, "refused");
    assert.equal((await fails(new SalientError("failed", "No"))).kind, "fault");
    assert.equal((await fails(new SalientError("input", "No".repeat(2000)))).kind, "fault");
    assert.equal((await fails(new TypeError("x"))).kind, "fault");
    const kept = await run((_, ops) => Promise.resolve(void ops.zeros("F32", [4])));
    assert.match(JSON.stringify(kept), /16 bytes of tensors are not given back/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
