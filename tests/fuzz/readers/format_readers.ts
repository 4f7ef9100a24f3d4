/**
 * Fuzzes checkpoints in every format of quantized linears.
 *
 * @module
 */

import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { exportFormats } from "../../../core/export/formats.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { type Files, filesOf, type FuzzReader } from "../fuzz_reader.ts";
import { readModel } from "./read_model.ts";

/** Grids that a format is written in; the others are written in the first. */
const GRIDS: Readonly<Record<string, readonly Parameters<typeof rtn>[0][]>> = {
  "awq-gemm": [{ bits: 4, groupSize: 32 }, { bits: 3, groupSize: 16 }],
  "gptq": [{ bits: 4, groupSize: 32, symmetric: true }, {
    bits: 8,
    groupSize: 16,
    symmetric: true,
  }],
  "gptq-v2": [{ bits: 3, groupSize: 32 }, { bits: 2, groupSize: 32 }],
  "pack-quantized": [{ bits: 4, groupSize: 32 }, { bits: 5, groupSize: -1, symmetric: true }],
  "int-quantized": [{ bits: 8, groupSize: -1, symmetric: true }],
};

const CONFIG: JsonObject = {
  ...TINY_LLAMA,
  num_hidden_layers: 1,
  num_key_value_heads: 4,
  attention_bias: true,
};

/** One for each format. */
export const formatReaders: readonly FuzzReader[] = [...exportFormats.keys()].map((format) => ({
  name: format,
  async corpus(folder, backend) {
    await Deno.mkdir(`${folder}/plain`);
    await writeTinyModel(`${folder}/plain`, CONFIG, { dtype: "F16" });
    const corpus: Files[] = [];
    for (const grid of GRIDS[format] ?? [{ bits: 4, groupSize: 32 }]) {
      const out = `${folder}/${corpus.length}`;
      const plugins = [rtn(grid)];
      await quantize({ model: `${folder}/plain`, backend, plugins, format, out });
      corpus.push(await filesOf(out));
    }
    return corpus;
  },
  read: readModel,
}));
