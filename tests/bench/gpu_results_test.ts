import assert from "node:assert/strict";
import { kernelTargets } from "../../bench/gpu/kernel_targets.ts";
import { targetRow } from "../../bench/gpu/target_row.ts";
import { writeResults } from "../../bench/gpu/write_results.ts";

const KERNELS = [
  { work: "copy", gbPerSecond: 3000 },
  { work: "int4 fp16", outputs: 4096, inputs: 4096, batch: 1, ofCopy: 0.5, overCublas: 3.3 },
  { work: "int4 fp16", outputs: 8192, inputs: 28672, batch: 1, ofCopy: 0.9, overCublas: 3 },
  { work: "int4 fp16", outputs: 4096, inputs: 4096, batch: 64, ofCopy: 0.5, overCublas: 2.5 },
  { work: "int4 fp16", outputs: 4096, inputs: 4096, batch: 256, overCublas: 1, wrong: true },
  { work: "int4 fp16", outputs: 4096, inputs: 4096, batch: 8, overCublas: 1 },
  { work: "fp16", outputs: 4096, inputs: 4096, batch: 1, overCublas: 1 },
];

Deno.test("targets of kernels: by batch and size; a wrong result meets none", () => {
  const rows = kernelTargets(KERNELS).map(({ work, target, met }) => [work, target, met]);
  assert.deepEqual(rows, [
    ["INT4 g128, 4096x4096, batch 1, over cuBLAS fp16", ">= 3.2", true],
    ["INT4 g128, 8192x28672, batch 1, of copy", ">= 0.85", true],
    ["INT4 g128, 8192x28672, batch 1, over cuBLAS fp16", ">= 3.2", false],
    ["INT4 g128, 4096x4096, batch 64, over cuBLAS fp16", ">= 2", true],
    ["INT4 g128, 4096x4096, batch 256, over cuBLAS fp16", ">= 0.95", null],
  ]);
});

Deno.test("what was extrapolated, or is not there, meets no target", () => {
  const bound = { most: 60 };
  assert.equal(targetRow("AWQ", 50, "s", { bound }).met, true);
  assert.equal(targetRow("AWQ", 70, "s", { bound }).met, false);
  assert.equal(targetRow("AWQ", 50, "s", { bound, isMeasured: false }).met, null);
  assert.equal(targetRow("AWQ", null, "s", { bound }).met, null);
  assert.equal(targetRow("AWQ", 50, "s").met, null);
});

Deno.test("results are one JSON and one Markdown file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const steps = [{ step: "doctor", result: "passed", seconds: 2 }];
    const rows = [targetRow("AWQ", 70, "s", { bound: { most: 60 }, note: "32 blocks" })];
    const text = writeResults({ device: "D", cuda: "" }, steps, rows, KERNELS, `${folder}/out`);
    const json = JSON.parse(await Deno.readTextFile(`${folder}/out.json`));
    assert.equal(await Deno.readTextFile(`${folder}/out.md`), text);
    assert.deepEqual([json.device, json.steps, json.targets.length], ["D", steps, 6]);
    assert.ok(text.startsWith("# D\n"));
    assert.ok(text.includes("| AWQ | 70 s | <= 60 | MISSED | 32 blocks |"));
    assert.ok(text.includes("| doctor | passed | 2 |"));
    assert.ok(text.includes("| int4 fp16 | 8192 | 28672 | 1 |  |  | 0.9 |  | 3 |  |"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
