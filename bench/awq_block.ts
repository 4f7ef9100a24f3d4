/**
 * AWQ, scales and clipping, for one block of the shape of Llama-2-7B with 65,536 calibration tokens: ours, and the
 * published search in torch. Neither is run on all tokens unless asked for: ours is run on two numbers of tokens and
 * goes on in a straight line, torch's parts are measured one by one (`peers/awq_block.py` says how).
 *
 *     deno task bench:awq [--tokens 65536] [--python PYTHON] [--tiny]
 *
 * @module
 */

import { awq, openBackend, openModel, quantizeInMemory, type QuantizeReport } from "../mod.ts";
import { compareObjectives } from "./awq_objective.ts";
import { emit } from "./measure.ts";
import { readOptions } from "./options.ts";
import { seededIds } from "./seeded.ts";
import { SHAPES } from "./shaped_model.ts";
import { writeShapedModel } from "./write_shaped_model.ts";

const FULL_TOKENS = 65536;
const SEQUENCE = 512;
const LIMIT_SECONDS = 150;

/** What `peers/awq_block.py` prints. */
interface TorchReply {
  readonly torch: string;
  readonly seconds: number;
  readonly forward: number;
  readonly rounding: number;
  readonly running: number;
  readonly clip: number;
  readonly tokens: number;
  readonly points: number;
}

const options = readOptions(Deno.args);
const shape = options.tiny ? { ...SHAPES.tiny, blocks: 1 } : { ...SHAPES["7b"], blocks: 1 };
const group = `AWQ and clip, a block of ${shape.hidden}/${shape.mlp}, ${FULL_TOKENS} tokens`;

/** Ours on some tokens. */
async function ours(directory: string, tokens: number): Promise<QuantizeReport> {
  using backend = await openBackend("cpu", { threads: options.threads });
  using model = await openModel(directory, backend);
  const samples = Math.max(1, Math.round(tokens / SEQUENCE));
  const seqLen = Math.min(SEQUENCE, tokens);
  const { report, model: quantized } = await quantizeInMemory({
    model,
    backend,
    plugins: [awq({ bits: 4, groupSize: 128 })],
    calibration: {
      ids: seededIds(samples * seqLen, 13, shape.vocabulary),
      samples,
      seqLen,
      tokens: samples * seqLen,
      source: "seeded",
      documents: 1,
    },
  });
  quantized[Symbol.dispose]();
  return report;
}

async function measureOurs(directory: string): Promise<void> {
  if (options.tokens > 0) {
    const report = await ours(directory, options.tokens);
    const note = `${options.tokens} tokens, measured`;
    emit({ group, who: "salient", unit: "s", value: report.seconds, note });
    const memory = `${group}, peak memory`;
    emit({ group: memory, who: "salient", unit: "bytes", value: report.peakRssBytes });
    return;
  }
  const [few, many] = options.tiny ? [64, 256] : [2048, 6144];
  const first = (await ours(directory, few!)).seconds;
  // On its own, so that something is there if the second takes longer than the piece may.
  emit({
    group: `${group.replace(/, \d+ tokens$/, "")}, ${few} tokens`,
    who: "salient",
    unit: "s",
    value: first,
  });
  const second = (await ours(directory, many!)).seconds;
  const perToken = Math.max(0, second - first) / (many! - few!);
  const value = second + perToken * (FULL_TOKENS - many!);
  const note = `extrapolated from ${few} tokens (${first.toFixed(1)} s) ` +
    `and ${many} (${second.toFixed(1)} s)`;
  emit({ group, who: "salient", unit: "s", value, note });
}

async function measureTorch(): Promise<void> {
  const script = new URL("peers/awq_block.py", import.meta.url).pathname;
  const { hidden, mlp, heads, kvHeads } = shape;
  const sizes = [options.threads, hidden, mlp, heads, kvHeads, options.tiny ? 64 : 512, 2];
  const child = new Deno.Command(options.python, {
    args: [script, ...sizes.map(String)],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_SECONDS * 1000);
  const { success, stdout, stderr } = await child.output();
  clearTimeout(timer);
  if (!success) {
    const why = new TextDecoder().decode(stderr).trim().slice(-300);
    throw new Error(why === "" ? `no answer in ${LIMIT_SECONDS} s` : why);
  }
  const reply: TorchReply = JSON.parse(new TextDecoder().decode(stdout));
  const parts = (["forward", "rounding", "running", "clip"] as const)
    .map((part) => `${part} ${reply[part].toFixed(1)} s`).join(", ");
  emit({ who: "torch", about: `torch ${reply.torch}, ${options.threads} threads` });
  emit({
    group,
    who: "torch",
    unit: "s",
    value: reply.seconds,
    note: `extrapolated from ${reply.tokens} tokens and ${reply.points} points; ${parts}`,
  });
}

const folder = await Deno.makeTempDir({ prefix: "salient-bench-" });
try {
  await writeShapedModel(`${folder}/model`, shape);
  if (!options.alone) {
    await measureTorch().catch((error) => emit({ who: "torch", failed: error.message }));
  }
  await measureOurs(`${folder}/model`);
  using backend = await openBackend("cpu", { threads: options.threads });
  if (!options.tiny) await compareObjectives(backend);
} finally {
  await Deno.remove(folder, { recursive: true });
}
