/**
 * Memory that quantizing a checkpoint of the shape of Llama-2-7B takes, AWQ, block by block. The checkpoint has fewer
 * blocks than the model (the peak is that of one block) and several files.
 *
 *     deno task bench:memory [--tiny]
 *
 * @module
 */

import { emit } from "./measure.ts";
import { readOptions } from "./options.ts";
import { runSalient } from "./salient_command.ts";
import { SHAPES } from "./shaped_model.ts";
import { writeShapedModel } from "./write_shaped_model.ts";

const BLOCKS = 2;
const SHARD_BYTES = 500e6;
const LIMIT_SECONDS = 240;
const EMBEDDED = new URL("../models/salient-tiny/", import.meta.url);

/** Bytes free where temporary files go. */
async function freeBytes(folder: string): Promise<number> {
  const { stdout } = await new Deno.Command("df", { args: ["-Pk", folder] }).output();
  const columns = new TextDecoder().decode(stdout).trim().split("\n").at(-1)?.split(/\s+/);
  return Number(columns?.[3] ?? 0) * 1024;
}

const options = readOptions(Deno.args);
const folder = await Deno.makeTempDir({ prefix: "salient-bench-" });
try {
  const shape = options.tiny ? SHAPES.tiny : { ...SHAPES["7b"], blocks: BLOCKS };
  const free = await freeBytes(folder);
  if (!options.tiny && free < 4e9) throw new Error(`Only ${free} bytes are free in ${folder}`);
  await writeShapedModel(`${folder}/model`, shape, options.tiny ? 400e3 : SHARD_BYTES);
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    if (options.tiny) break;
    await Deno.copyFile(new URL(name, EMBEDDED), `${folder}/model/${name}`);
  }
  const files = [...Deno.readDirSync(`${folder}/model`)]
    .filter(({ name }) => name.endsWith(".safetensors")).length;
  const common = ["quantize", `${folder}/model`, "--bits", "4", "--group-size", "128"];
  const calibration = ["--calib", "default", "--samples", "4", "--seq-len", "512"];
  const runs: [string, string[]][] = [["rtn", []]];
  if (!options.tiny) runs.push(["awq", calibration]);
  for (const [method, more] of runs) {
    const out = ["--format", "awq-gemm", "--out", `${folder}/${method}`];
    const run = await runSalient([...common, "--method", method, ...out, ...more], LIMIT_SECONDS);
    const group = `${method}, ${
      options.tiny ? "tiny" : "Llama-2-7B's"
    } shape, ${shape.blocks} blocks, ${files} files`;
    const { report, highWaterBytes } = run;
    emit({ group, who: "salient's report", unit: "bytes", value: report.peakRssBytes });
    if (highWaterBytes > 0) {
      emit({ group, who: "VmHWM", unit: "bytes", value: highWaterBytes });
    }
    emit({ group, who: "time", unit: "s", value: report.seconds });
    await Deno.remove(`${folder}/${method}`, { recursive: true });
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
