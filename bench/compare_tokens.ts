/**
 * Tokens a second of reading a prompt and of continuing it: our bf16 and 4-bit model and llama.cpp's Q4_0, on the same
 * seeded weights of the shape of Llama-3.2-1B, in turns; the head, half of the bytes of a token, in 16, 8 and 4 bits on
 * both sides. The embedded model of the repository comes last.
 *
 *     deno task bench:tokens [--tiny] [--alone]
 *
 * Under `--tiny` llama.cpp gets plain fp32 weights, and its tokens must be ours.
 *
 * @module
 */

import {
  generate,
  type GenerateResult,
  loadTokenizer,
  type Model,
  openBackend,
  openModel,
  quantize,
  quantizeInMemory,
  rtn,
  withRoundedHead,
} from "../mod.ts";
import { Child } from "./child.ts";
import { denoRun } from "./contestants.ts";
import { emit, median } from "./measure.ts";
import { readOptions } from "./options.ts";
import { seededIds } from "./seeded.ts";
import { SHAPES } from "./shaped_model.ts";
import { idsAsTokenizer, writeShapedModel } from "./write_shaped_model.ts";

const LIMIT_SECONDS = 120;
/** llama.cpp's threads look for more work for a few tenths of a second. */
const SETTLE_MS = 500;

interface Speeds {
  readonly prefill: number[];
  readonly decode: number[];
}

/** One way to store the head, on both sides. */
interface Pair {
  readonly kind: string;
  readonly model: Model;
  readonly form: string;
  child: Child | undefined;
  readonly mine: Speeds;
  readonly theirs: Speeds;
}

function noSpeeds(): Speeds {
  return { prefill: [], decode: [] };
}

interface LlamaReply {
  readonly prefill: number;
  readonly decode: number;
  readonly ids: number[];
}

const options = readOptions(Deno.args);
const shape = SHAPES[options.tiny ? "tiny" : "1b"];
const promptTokens = options.tiny ? 24 : 512;
const newTokens = options.tiny ? 8 : 33;
const prompt = seededIds(promptTokens, 9, shape.vocabulary - 300).map((id) => id + 300);
const group = options.tiny ? "tiny model" : "Llama-3.2-1B's shape, seeded weights";
const backend = await openBackend("cpu", { threads: options.threads });
const folder = await Deno.makeTempDir({ prefix: "salient-bench-" });

/** Our tokens after the prompt; ids are caught on their way to text. */
async function ours(model: Model): Promise<{ result: GenerateResult; ids: number[] }> {
  let ids: number[] = [];
  const tokenizer = {
    ...idsAsTokenizer(prompt, shape.vocabulary),
    decode(seen: ArrayLike<number>) {
      ids = Array.from(seen);
      return "";
    },
  };
  const result = await generate(model, tokenizer, "", { maxTokens: newTokens });
  return { result, ids };
}

/** What is measured: a model, its prompt, and how its head or all of it is stored. */
interface About {
  readonly model: string;
  readonly promptTokens: number;
  readonly kind: string;
}

function report(about: About, who: string, { prefill, decode }: Speeds, note: string): void {
  const { model, promptTokens, kind } = about;
  if (prefill.length === 0) return;
  emit({
    group: `${model}, prompt of ${promptTokens}, ${kind}`,
    who,
    unit: "tokens/s",
    value: median(prefill),
    best: Math.max(...prefill),
    runs: prefill.length,
  });
  emit({
    group: `${model}, one by one, ${kind}`,
    who,
    unit: "tokens/s",
    value: median(decode),
    best: Math.max(...decode),
    runs: decode.length,
    note,
  });
}

/** Starts llama.cpp on a file of its own; undefined, with a remark, where it does not start. */
async function startLlama(
  form: string,
  running: AsyncDisposableStack,
  written?: string,
): Promise<Child | undefined> {
  const name = `llama.cpp ${form}`;
  try {
    const child = running.use(
      new Child({
        name,
        program: Deno.execPath(),
        args: denoRun("peers/llama.ts", `${options.threads}`),
      }),
    );
    const { about } = await child.ask<{ about: string }>({ do: "about" }, LIMIT_SECONDS);
    const file = written ?? `${folder}/${form.replaceAll(/\W+/g, "-")}.gguf`;
    await child.ask({ do: "open", file, shape, form }, LIMIT_SECONDS);
    emit({ who: name, about: `${about}, ${form}` });
    return child;
  } catch (error) {
    emit({ who: name, failed: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

async function compareOnSeeded(): Promise<void> {
  await writeShapedModel(`${folder}/model`, shape);
  using plain = await openModel(`${folder}/model`, backend);
  const made = await quantizeInMemory({
    model: plain,
    backend,
    plugins: [rtn({ bits: 4, groupSize: 128 })],
  });
  using quantized = made.model;
  using head8 = await withRoundedHead(quantized, 8);
  using head4 = await withRoundedHead(quantized, 4);
  await using running = new AsyncDisposableStack();
  const pairs: Pair[] = [
    { kind: "head of 16 bits", model: quantized, form: "q4_0, head f16" },
    { kind: "head of 8 bits", model: head8, form: "q4_0, head q8_0" },
    { kind: "head of 4 bits", model: head4, form: "q4_0" },
  ].map((pair) => ({ ...pair, child: undefined, mine: noSpeeds(), theirs: noSpeeds() }));
  const plainSpeeds = noSpeeds();
  for (const pair of options.alone ? [] : options.tiny ? pairs.slice(0, 1) : pairs) {
    pair.child = await startLlama(options.tiny ? "f32" : pair.form, running);
  }
  for (let turn = 0; turn < Math.min(options.turns, 3); turn++) {
    const expected = await measure(plain, plainSpeeds);
    for (const { model, mine, child, theirs } of pairs) {
      await measure(model, mine);
      if (child === undefined) continue;
      await measureLlama(
        child,
        theirs,
        [...prompt],
        newTokens,
        options.tiny ? expected : undefined,
      );
    }
  }
  for (const { kind, child, mine, theirs } of pairs) {
    const about = { model: group, promptTokens, kind };
    report(about, "salient", mine, "INT4 g128");
    report(about, "salient bf16", plainSpeeds, "all weights bf16");
    if (child !== undefined) report(about, child.name, theirs, "same weights");
  }
}

async function measure(model: Model, speeds: Speeds): Promise<number[]> {
  const { result, ids } = await ours(model);
  speeds.prefill.push(result.prefillTokensPerSecond);
  speeds.decode.push(result.tokensPerSecond);
  return ids;
}

async function measureLlama(
  child: Child,
  speeds: Speeds,
  ids: readonly number[],
  tokens: number,
  expected?: readonly number[],
): Promise<void> {
  try {
    const request = { do: "generate", ids, tokens };
    const reply = await child.ask<LlamaReply>(request, LIMIT_SECONDS);
    speeds.prefill.push(ids.length / reply.prefill);
    speeds.decode.push((reply.ids.length - 1) / reply.decode);
    const end = reply.ids.slice(-tokens);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    if (expected !== undefined && end.join() !== expected.slice(-tokens).join()) {
      throw new Error(`Its tokens are ${end} and ours are ${expected.slice(-tokens)}`);
    }
  } catch (error) {
    emit({ who: child.name, failed: error instanceof Error ? error.message : String(error) });
  }
}

/** The embedded model, which fits in the cache: the same integers on both sides, in Q4_0 as GGUF. */
async function measureEmbedded(): Promise<void> {
  const directory = new URL("../models/salient-tiny", import.meta.url).pathname;
  const tokenizer = await loadTokenizer(directory);
  using plain = await openModel(directory, backend);
  const shared = { model: plain, backend };
  const grid = { bits: 4, groupSize: 32, symmetric: true };
  const made = await quantizeInMemory({ ...shared, plugins: [rtn(grid)] });
  using quantized = made.model;
  const text = "The people of the United States ".repeat(40);
  const prompt = [...tokenizer.encode(text)];
  await using running = new AsyncDisposableStack();
  const file = `${folder}/embedded.gguf`;
  let child: Child | undefined;
  if (!options.alone) {
    await quantize({ ...shared, plugins: [rtn(grid)], format: "gguf", out: file });
    child = await startLlama("q4_0", running, file);
  }
  const [mine, inFull, theirs] = [noSpeeds(), noSpeeds(), noSpeeds()];
  for (let turn = 0; turn < options.turns; turn++) {
    for (const [model, speeds] of [[quantized, mine], [plain, inFull]] as const) {
      const result = await generate(model, tokenizer, text, { maxTokens: 64 });
      speeds.prefill.push(result.prefillTokensPerSecond);
      speeds.decode.push(result.tokensPerSecond);
    }
    if (child !== undefined) await measureLlama(child, theirs, prompt, 64);
  }
  const about = { model: "embedded model", promptTokens: prompt.length, kind: "4 bits" };
  report(about, "salient", mine, "Q4_0's grid");
  report(about, "salient bf16", inFull, "all weights bf16");
  if (child !== undefined) report(about, child.name, theirs, "same integers");
}

try {
  emit({ who: "salient", about: `salient, ${backend.detail}` });
  await compareOnSeeded();
  await measureEmbedded();
} finally {
  await Deno.remove(folder, { recursive: true });
}
backend[Symbol.dispose]();
