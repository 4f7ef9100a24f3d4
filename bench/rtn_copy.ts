/**
 * RTN of a bf16 checkpoint of the shape of Llama-3.2-1B, file to file, against copying the file. Both read a file
 * that lies in memory; the command syncs what it wrote, so the copy is timed with and without a sync.
 *
 *     deno task bench:rtn-copy [--tiny]
 *
 * @module
 */

import { emit, median } from "./measure.ts";
import { readOptions } from "./options.ts";
import { runSalient } from "./salient_command.ts";
import { SHAPES } from "./shaped_model.ts";
import { writeShapedModel } from "./write_shaped_model.ts";

const LIMIT_SECONDS = 120;

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
}

/** Seconds of a copy, and of the sync after it. */
async function copy(from: string, to: string): Promise<{ copied: number; synced: number }> {
  const start = performance.now();
  await run("cp", "--reflink=never", from, to);
  const copied = performance.now();
  await run("sync", to);
  const synced = performance.now();
  await Deno.remove(to);
  return { copied: (copied - start) / 1000, synced: (synced - start) / 1000 };
}

const options = readOptions(Deno.args);
const folder = await Deno.makeTempDir({ prefix: "salient-bench-" });
try {
  const shape = SHAPES[options.tiny ? "tiny" : "1b"];
  await writeShapedModel(`${folder}/model`, shape, 64e9);
  const file = `${folder}/model/model.safetensors`;
  await run("sync", file);
  const group = `${((await Deno.stat(file)).size / 1e9).toFixed(2)} GB of bf16`;
  const times = { rtn: [] as number[], copied: [] as number[], synced: [] as number[] };
  let stages = {};
  for (let turn = 0; turn < Math.min(options.turns, 2); turn++) {
    const out = `${folder}/out-${turn}`;
    const { report } = await runSalient(
      ["quantize", `${folder}/model`, "--method", "rtn", "--bits", "4", "--group-size", "128"]
        .concat("--format", "awq-gemm", "--out", out),
      LIMIT_SECONDS,
    );
    times.rtn.push(report.seconds);
    stages = report.stages;
    await Deno.remove(out, { recursive: true });
    const { copied, synced } = await copy(file, `${folder}/copy`);
    times.copied.push(copied);
    times.synced.push(synced);
  }
  const seconds = "s" as const;
  const note = `stages of the last run: ${
    JSON.stringify(stages, (_, v) => (typeof v === "number" ? Number(v.toFixed(2)) : v))
  }`;
  emit({ group, who: "salient", unit: seconds, value: median(times.rtn), runs: 2, note });
  emit({ group, who: "cp", unit: seconds, value: median(times.copied), runs: 2 });
  emit({ group, who: "cp and sync", unit: seconds, value: median(times.synced), runs: 2 });
} finally {
  await Deno.remove(folder, { recursive: true });
}
