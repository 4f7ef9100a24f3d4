/**
 * One piece of work on an idle device, in a process of its own; `host_share.ts` starts it and reads what it prints.
 *
 * @module
 */

import {
  awq,
  definePlugin,
  generate,
  gptq,
  openModel,
  quantize,
  quantizeInMemory,
} from "../mod.ts";
import type { Backend, Plugin } from "../mod.ts";
import { rtn } from "../mod.ts";
import { createCudaBackend } from "../ffi/cuda/cuda_backend.ts";
import { seededIds } from "./seeded.ts";
import { idsAsTokenizer } from "./write_shaped_model.ts";

/** What one piece of work took. */
export interface IdleReply {
  /** Seconds: of the whole quantization, or of one decoded token. */
  readonly seconds: number;
  /** Seconds of the blocks. */
  readonly blocks: number;
  /** Seconds of reading everything back. */
  readonly verify: number;
  /** Most bytes of the device's memory. */
  readonly deviceBytes: number;
}

const GRID = { bits: 4, groupSize: 128 };
const PROMPT = 32;

/** AWQ that folds, by ones, whatever its search finds: on an idle device it finds nothing. */
function foldingAwq(): Plugin {
  const plugin = awq(GRID);
  return definePlugin({
    ...plugin,
    async transformBlock(block, ctx) {
      await plugin.transformBlock?.(block, ctx);
      for (const set of block.scaleSets) {
        await block.foldScales(set, new Float32Array(set.channels).fill(1));
      }
    },
  });
}

async function quantization(
  backend: Backend,
  directory: string,
  method: string,
  samples: number,
  seqLen: number,
): Promise<IdleReply> {
  using model = await openModel(directory, backend);
  const tokens = samples * seqLen;
  const ids = seededIds(tokens, 13, model.config.vocabSize);
  const { seconds, stages, peakDeviceBytes } = await quantize({
    model,
    backend,
    plugins: [method === "awq" ? foldingAwq() : gptq(GRID)],
    calibration: { ids, samples, seqLen, tokens, source: "seeded", documents: 1 },
    out: `${directory}-${method}`,
  });
  await Deno.remove(`${directory}-${method}`, { recursive: true });
  const { blocks = 0, verify = 0 } = stages;
  return { seconds, blocks, verify, deviceBytes: peakDeviceBytes ?? 0 };
}

async function decoding(backend: Backend, directory: string, tokens: number): Promise<IdleReply> {
  using plain = await openModel(directory, backend);
  const made = await quantizeInMemory({ model: plain, backend, plugins: [rtn(GRID)] });
  using model = made.model;
  const vocabulary = model.config.vocabSize;
  const tokenizer = idsAsTokenizer(seededIds(PROMPT, 9, vocabulary), vocabulary);
  await generate(model, tokenizer, "", { maxTokens: 8 });
  const { tokensPerSecond } = await generate(model, tokenizer, "", { maxTokens: tokens });
  const deviceBytes = backend.peakDeviceBytes() ?? 0;
  return { seconds: 1 / tokensPerSecond, blocks: 0, verify: 0, deviceBytes };
}

if (import.meta.main) {
  const [directory = "", work = "", first = "1", second = "1"] = Deno.args;
  using backend = createCudaBackend({ library: "cuda_emulated" });
  const reply = work === "decode"
    ? await decoding(backend, directory, Number(first))
    : await quantization(backend, directory, work, Number(first), Number(second));
  console.log(JSON.stringify(reply));
}
