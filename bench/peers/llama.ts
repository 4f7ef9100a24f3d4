/**
 * llama.cpp through node-llama-cpp: writes a GGUF file of the shape and continues a prompt.
 *
 *     deno run --config bench/peers/peers.json -A bench/peers/llama.ts THREADS
 *
 * Lines of JSON as in `../contestant.ts`:
 *
 *     {"do":"open","file":FILE,"shape":{...},"form":"q4_0"}    writes the file where it is not there
 *     {"do":"generate","ids":[...],"tokens":32}                {"prefill":s,"decode":s,"ids":[...]}
 *
 * @module
 */

import { serveLines } from "../serve_lines.ts";
import type { ModelShape } from "../shaped_model.ts";
import { type GgufForm, writeGguf } from "./gguf_model.ts";

interface Sequence {
  evaluate(ids: number[], options: object): AsyncGenerator<number>;
  clearHistory(): Promise<void>;
}

interface Context {
  getSequence(): Sequence;
}

interface LlamaModel {
  createContext(options: object): Promise<Context>;
}

interface Request {
  readonly do: "about" | "open" | "generate";
  readonly file: string;
  readonly shape: ModelShape;
  readonly form: GgufForm;
  readonly ids: number[];
  readonly tokens: number;
}

const threads = Number(Deno.args[0] ?? 2);
let sequence: Sequence | undefined;

async function open({ file, shape, form }: Request): Promise<object> {
  const there = await Deno.stat(file).then(() => true, () => false);
  if (!there) await writeGguf(file, shape, form);
  const name = "node-llama-cpp";
  const { getLlama } = await import(name);
  const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    maxThreads: threads,
    progressLogs: false,
  });
  const model: LlamaModel = await llama.loadModel({ modelPath: file, checkTensors: false });
  const context = await model.createContext({ contextSize: 1024, batchSize: 512, threads });
  sequence = context.getSequence();
  return {};
}

async function generate({ ids, tokens }: Request): Promise<object> {
  if (sequence === undefined) throw new Error("No model is open");
  await sequence.clearHistory();
  const generated: number[] = [];
  const start = performance.now();
  let first = start;
  const options = { temperature: 0, yieldEogToken: true };
  for await (const id of sequence.evaluate(ids, options)) {
    if (generated.length === 0) first = performance.now();
    generated.push(id);
    if (generated.length === tokens) break;
  }
  return {
    prefill: (first - start) / 1000,
    decode: (performance.now() - first) / 1000,
    ids: generated,
  };
}

if (import.meta.main) {
  await serveLines<Request>((request) => {
    if (request.do === "about") {
      return Promise.resolve({ about: `llama.cpp of node-llama-cpp 3.21.1, ${threads} threads` });
    }
    return request.do === "open" ? open(request) : generate(request);
  });
  Deno.exit(0);
}
