/**
 * Whether our search is worth as much as the published one: both on the embedded model, judged by what the published one
 * minimises, the output of the blocks on the calibration tokens.
 *
 * @module
 */

import {
  awq,
  type AwqOptions,
  type Backend,
  loadCalibration,
  loadTokenizer,
  type Model,
  openModel,
  type Plugin,
  quantizeInMemory,
  rtn,
} from "../mod.ts";
import { emit } from "./measure.ts";

const DIRECTORY = new URL("../models/salient-tiny", import.meta.url).pathname;
const SAMPLES = 16;
const SEQUENCE = 256;
const GROUP_SIZE = 32;

/** 20 exponents judged by the module, then one bound for both ends of each group by itself. */
const PUBLISHED: AwqOptions = { objective: "module", clip: { sweeps: 0 } };

/** Mean over the blocks of ||quantized output - output||^2 / ||what the block adds||^2, each on the original's input. */
async function blockError(model: Model, quantized: Model, ids: Int32Array): Promise<number> {
  const ops = model.backend;
  let sum = 0;
  let hidden = await model.embed(ids);
  for (let i = 0; i < model.config.blocks; i++) {
    using input = hidden;
    using block = await model.loadBlock(i);
    using rounded = await quantized.loadBlock(i);
    const sequences = ids.length / SEQUENCE;
    hidden = await block.run(input, { sequences });
    using other = await rounded.run(input, { sequences });
    const [before, exact, found] = [input, hidden, other].map((tensor) => ops.download(tensor));
    let [error, added] = [0, 0];
    for (const [k, value] of exact!.entries()) {
      error += (found![k]! - value) ** 2;
      added += (value - before![k]!) ** 2;
    }
    sum += error / added;
  }
  hidden[Symbol.dispose]();
  return sum / model.config.blocks;
}

/** Measures plain rounding, the published search and ours, at 4 and 3 bits. */
export async function compareObjectives(backend: Backend): Promise<void> {
  using model = await openModel(DIRECTORY, backend);
  const tokenizer = await loadTokenizer(DIRECTORY);
  const calibration = await loadCalibration({
    source: "default",
    tokenizer,
    samples: SAMPLES,
    seqLen: SEQUENCE,
  });
  for (const bits of [4, 3]) {
    const grid = { bits, groupSize: GROUP_SIZE };
    const contestants: [string, Plugin][] = [
      ["salient", awq(grid)],
      ["published search", awq({ ...grid, ...PUBLISHED })],
      ["plain rounding", rtn(grid)],
    ];
    for (const [who, plugin] of contestants) {
      const made = await quantizeInMemory({ model, backend, plugins: [plugin], calibration });
      using quantized = made.model;
      emit({
        group:
          `output error of a block, embedded model, ${bits} bits, ${calibration.tokens} tokens`,
        who,
        unit: "error",
        value: await blockError(model, quantized, calibration.ids),
        note: `${made.report.seconds.toFixed(1)} s`,
      });
    }
  }
}
