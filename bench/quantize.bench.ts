/**
 * Time to quantize: RTN and AWQ of the embedded model, and of one block of the shape of Llama-3.2-1B.
 *
 * @module
 */

import {
  awq,
  type CalibrationSet,
  openBackend,
  openModel,
  type Plugin,
  quantizeInMemory,
  rtn,
} from "../mod.ts";
import { seededIds } from "./seeded.ts";
import { SHAPES } from "./shaped_model.ts";
import { writeShapedModel } from "./write_shaped_model.ts";

const SEQUENCE = 256;
const backend = await openBackend("auto");

function calibration(samples: number, vocabulary: number): CalibrationSet {
  const tokens = samples * SEQUENCE;
  const ids = seededIds(tokens, 13, vocabulary);
  return { ids, samples, seqLen: SEQUENCE, tokens, source: "seeded", documents: 1 };
}

/** One run; the quantized model is let go. */
async function run(directory: string, plugin: Plugin, set: CalibrationSet | undefined) {
  using model = await openModel(directory, backend);
  const result = await quantizeInMemory({ model, backend, plugins: [plugin], calibration: set });
  result.model[Symbol.dispose]();
}

const embedded = new URL("../models/salient-tiny", import.meta.url).pathname;
const block = { ...SHAPES["1b"], blocks: 1, vocabulary: 2048 };
let made: Promise<string> | undefined;

/** The block's checkpoint, made once and removed when the process ends. */
function blockDirectory(): Promise<string> {
  made ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "salient-bench-" });
    globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    await writeShapedModel(`${folder}/model`, block);
    return `${folder}/model`;
  })();
  return made;
}

const grid = { bits: 4, groupSize: 128 } as const;
for (
  const [group, directory, vocabulary, samples] of [
    ["the embedded model", () => Promise.resolve(embedded), 2048, 16],
    ["a block of Llama-3.2-1B's shape", blockDirectory, block.vocabulary, 4],
  ] as const
) {
  for (
    const [name, plugin, set] of [
      ["rtn", () => rtn(grid), undefined],
      [`awq, ${samples * SEQUENCE} tokens`, () => awq(grid), calibration(samples, vocabulary)],
    ] as const
  ) {
    Deno.bench({
      group: `quantize ${group}`,
      name: `${name}, ${group}`,
      baseline: name === "rtn",
      n: 1,
      warmup: 0,
      async fn(b) {
        const path = await directory();
        b.start();
        await run(path, plugin(), set);
        b.end();
      },
    });
  }
}
