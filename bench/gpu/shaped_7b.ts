/**
 * The targets on a model of Llama-2-7B's shape with seeded weights: AWQ and GPTQ of it, file to file, with 128 windows of
 * 512 tokens, and decoding. Each is a process of its own.
 *
 *     deno run -A bench/gpu/shaped_7b.ts write  FOLDER            the model; fewer blocks where the disk is small
 *     deno run -A bench/gpu/shaped_7b.ts awq    FOLDER --rows FILE --seconds 120
 *     deno run -A bench/gpu/shaped_7b.ts gptq   FOLDER --rows FILE --seconds 120
 *     deno run -A bench/gpu/shaped_7b.ts decode FOLDER --rows FILE
 *
 * `--tiny` takes a shape of no size: everything runs, and the figures mean nothing. A quantization that is not done after
 * its seconds is ended, and goes on in a straight line from the blocks that it has done.
 *
 * @module
 */

import { parseArgs } from "node:util";
import {
  awq,
  generate,
  gptq,
  type Model,
  openBackend,
  openModel,
  quantize,
  quantizeInMemory,
  rtn,
  SalientError,
} from "../../mod.ts";
import { seededIds } from "../seeded.ts";
import { type ModelShape, SHAPES } from "../shaped_model.ts";
import { idsAsTokenizer, writeShapedModel } from "../write_shaped_model.ts";
import { appendRows, type TargetRow, targetRow } from "./target_row.ts";

const GRID = { bits: 4, groupSize: 128 };
/** A search that finds nothing, quickly. */
const TINY_SEARCH = { gridPoints: 2, finalists: 1, outputs: 16, clip: { steps: 2, sweeps: 1 } };
const TARGET_SECONDS = { awq: 60 } as const;
const GIB = 2 ** 30;
const FEW_BLOCKS = 8;

interface Options {
  readonly folder: string;
  readonly rows: string;
  readonly seconds: number;
  readonly tiny: boolean;
}

function readArguments(args: string[]): Options & { readonly step: string } {
  const { values, positionals: [step = "", folder = ""] } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rows: { type: "string", default: "/dev/stdout" },
      seconds: { type: "string", default: "1000000" },
      tiny: { type: "boolean", default: false },
    },
  });
  return { ...values, step, folder, seconds: Number(values.seconds) };
}

async function freeBytes(folder: string): Promise<number> {
  const { stdout } = await new Deno.Command("df", { args: ["-Pk", folder] }).output();
  const columns = new TextDecoder().decode(stdout).trim().split("\n").at(-1)?.split(/\s+/);
  return Number(columns?.[3] ?? 0) * 1024;
}

async function write({ folder, tiny }: Options): Promise<void> {
  const started = performance.now();
  let shape: ModelShape = tiny ? SHAPES.tiny : SHAPES["7b"];
  // The model, twice what 4 bits make of it, and some room.
  if (!tiny && await freeBytes(folder) < 24e9) shape = { ...shape, blocks: FEW_BLOCKS };
  await writeShapedModel(`${folder}/model`, shape);
  const seconds = (performance.now() - started) / 1000;
  console.log(`${shape.blocks} blocks written in ${seconds.toFixed(1)} s`);
}

/** What a whole model takes by what some blocks have taken. */
function extrapolate(fixed: number, ofBlocks: number, done: number, blocks: number): number {
  return fixed + ofBlocks / done * blocks;
}

async function quantization(method: "awq" | "gptq", options: Options): Promise<void> {
  const { folder, tiny, rows } = options;
  const [samples, seqLen] = tiny ? [2, 32] : [128, 512];
  const wanted = tiny ? SHAPES.tiny.blocks : SHAPES["7b"].blocks;
  using backend = await openBackend("cuda");
  using model = await openModel(`${folder}/model`, backend);
  const { blocks, vocabSize } = model.config;
  const tokens = samples * seqLen;
  const work = `${method.toUpperCase()} of a 7B shape, ${samples} x ${seqLen} tokens, file to file`;
  const bound = method === "awq" ? { bound: { most: TARGET_SECONDS.awq } } : {};
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), options.seconds * 1000);
  let done = 0;
  let ofBlocks = 0;
  try {
    const { seconds, stages, peakDeviceBytes, peakRssBytes, layers } = await quantize({
      model,
      backend,
      plugins: [
        method === "gptq" ? gptq(GRID) : awq({ ...GRID, ...(tiny ? TINY_SEARCH : {}) }),
      ],
      calibration: {
        ids: seededIds(tokens, 13, vocabSize),
        ...{ samples, seqLen, tokens, source: "seeded", documents: 1 },
      },
      out: `${folder}/${method}`,
      signal: ending.signal,
      onEvent(event) {
        if (event.type !== "block" || event.state !== "finish") return;
        done = event.index + 1;
        ofBlocks = event.seconds;
      },
    });
    const times = Object.entries(stages).map(([stage, time]) => `${stage} ${time.toFixed(1)} s`);
    const isWhole = blocks === wanted;
    const share = layers.reduce((sum, { error }) => sum + error, 0) /
      layers.reduce((sum, { rtnError }) => sum + rtnError, 0);
    const repeated = (stages.blocks ?? 0) + (stages.verify ?? 0);
    const value = isWhole ? seconds : extrapolate(seconds - repeated, repeated, blocks, wanted);
    const note = `${isWhole ? "" : `extrapolated from ${blocks} blocks; `}${times.join(", ")}; ` +
      `error ${share.toFixed(3)} of plain rounding's`;
    const memory = `${method.toUpperCase()} of a 7B shape, device memory`;
    appendRows(rows, [
      targetRow(work, value, "s", { ...bound, isMeasured: isWhole && !tiny, note }),
      targetRow(memory, (peakDeviceBytes ?? 0) / GIB, "GiB", {
        bound: { most: 8 },
        isMeasured: !tiny,
      }),
      targetRow(`${method.toUpperCase()} of a 7B shape, host memory`, peakRssBytes / GIB, "GiB", {
        note: "with the pages of the file",
      }),
    ]);
  } catch (error) {
    if (!(error instanceof SalientError) || error.code !== "interrupted" || done === 0) throw error;
    const value = extrapolate(0, ofBlocks, done, wanted);
    const note = `ended after ${options.seconds} s; ${done} blocks extrapolated, without the rest`;
    appendRows(rows, [targetRow(work, value, "s", { ...bound, isMeasured: false, note })]);
  } finally {
    clearTimeout(timer);
  }
}

async function tokensPerSecond(model: Model, tiny: boolean): Promise<number> {
  const vocabulary = model.config.vocabSize;
  const tokenizer = idsAsTokenizer(seededIds(32, 9, vocabulary), vocabulary);
  const maxTokens = tiny ? 4 : 128;
  await generate(model, tokenizer, "", { maxTokens: 8 });
  const found: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    found.push((await generate(model, tokenizer, "", { maxTokens })).tokensPerSecond);
  }
  return found.sort((a, b) => a - b)[1] ?? 0;
}

/** What AWQ has written; where it has not come to that, the model rounded to nearest. */
async function fourBits(plain: Model, folder: string): Promise<Model> {
  const { backend } = plain;
  try {
    return await openModel(`${folder}/awq`, backend);
  } catch (error) {
    if (!(error instanceof SalientError) || error.code !== "input") throw error;
    return (await quantizeInMemory({ model: plain, backend, plugins: [rtn(GRID)] })).model;
  }
}

async function decode({ folder, tiny, rows }: Options): Promise<void> {
  const speeds = new Map<string, number>();
  using backend = await openBackend("cuda");
  using plain = await openModel(`${folder}/model`, backend);
  {
    using rounded = await fourBits(plain, folder);
    speeds.set("INT4 g128", await tokensPerSecond(rounded, tiny));
  }
  speeds.set("16 bits", await tokensPerSecond(plain, tiny));
  const found = [...speeds].map(([name, speed]): TargetRow =>
    targetRow(`decode of a 7B shape, batch 1, ${name}`, speed, "tokens/s")
  );
  const [four = 0, sixteen = 1] = speeds.values();
  const ratio = targetRow("decode of a 7B shape, INT4 over our own 16 bits", four / sixteen, "x", {
    bound: { least: 3 },
    isMeasured: !tiny,
  });
  appendRows(rows, [...found, ratio]);
}

const { step, ...options } = readArguments(Deno.args);
if (step === "write") await write(options);
else if (step === "awq" || step === "gptq") await quantization(step, options);
else if (step === "decode") await decode(options);
else throw new Error(`Unknown step ${step}: use write, awq, gptq or decode`);
