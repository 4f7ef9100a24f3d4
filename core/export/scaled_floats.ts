/**
 * Floating point weights of 8 bits that have scales.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Checkpoint, JsonObject, TensorEntry } from "../checkpoint/types.ts";
import type { DType, Tensor } from "../tensor.ts";
import { damaged } from "./damaged.ts";
import { floatsOf8Bits } from "./floats_of_8_bits.ts";
import { storedView } from "./stored_view.ts";

/** What follows a weight's name where its scale stands; weights are multiplied by it, by either name. */
const SCALES: readonly string[] = ["_scale", "_scale_inv"];
/** What stands beside such a weight, and means nothing once it is F32. */
const BESIDE: readonly string[] = [".input_scale", ".output_scale", ".input_scale_ub"];
const SCALE_TYPES: readonly DType[] = ["F32", "BF16", "F16"];
/** Rows and columns that share a scale where `quantization_config` does not say (DeepSeek-V3). */
const BLOCK: readonly [number, number] = [128, 128];

/** Rows and columns that share a scale, and the scales. */
interface Scaling {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
}

/**
 * Weights F8_E4M3 with scales beside them (`weight_scale` of llm-compressor, of modelopt; `weight_scale_inv` of DeepSeek and Qwen)
 * as F32 ones: one scale for the whole weight, for each row, for groups of a row or for blocks of rows and columns. A weight is
 * multiplied out when it is asked for.
 *
 * @returns The checkpoint with these weights, which owns the one given; that itself where it has none.
 * @throws {SalientError} `input`, naming the tensor, where a scale does not fit its weight.
 */
export function withScaledFloats(checkpoint: Checkpoint, ops: Ops): Checkpoint {
  const scalings = new Map<string, Scaling>();
  const entries = new Map<string, TensorEntry>();
  for (const entry of checkpoint.entries.values()) {
    const scaling = scalingOf(checkpoint, entry);
    if (scaling === undefined) continue;
    scalings.set(entry.name, scaling);
    // F32 hides what is stored, so that it is told as the blocks of a GGUF file are.
    entries.set(entry.name, { ...entry, dtype: "F32", blocks: "F8_E4M3" });
  }
  if (scalings.size === 0) return checkpoint;
  const hidden = new Set([...scalings.values()].map(({ name }) => name));
  for (const name of scalings.keys()) {
    const linear = name.slice(0, name.lastIndexOf("."));
    for (const suffix of BESIDE) hidden.add(linear + suffix);
  }
  for (const entry of checkpoint.entries.values()) {
    if (!entries.has(entry.name) && !hidden.has(entry.name)) entries.set(entry.name, entry);
  }
  return {
    directory: checkpoint.directory,
    config: checkpoint.config,
    generationConfig: checkpoint.generationConfig,
    entries,
    byteLength: checkpoint.byteLength,
    release: (name) => checkpoint.release(name),
    tensor: (name) => {
      const scaling = scalings.get(name);
      return scaling === undefined
        ? checkpoint.tensor(name)
        : multiplied(checkpoint, name, scaling, ops);
    },
    [Symbol.dispose]: () => checkpoint[Symbol.dispose](),
  };
}

function scalingOf(checkpoint: Checkpoint, entry: TensorEntry): Scaling | undefined {
  const { name, dtype, shape: [rows = 1, columns = 1, ...more] } = entry;
  if (dtype !== "F8_E4M3" || !name.endsWith(".weight")) return undefined;
  const found = SCALES.map((suffix) => checkpoint.entries.get(name + suffix))
    .find((scale) => scale !== undefined);
  if (found === undefined || entry.shape.length === 0) return undefined;
  const [scaleRows = 1, scaleColumns = 1] = found.shape;
  const block = blockSize(checkpoint.config);
  const across = sharing(rows, scaleRows, block[0]);
  const along = sharing(columns, scaleColumns, scaleRows === rows ? 0 : block[1]);
  if (across === undefined || along === undefined || more.length > 0 || found.shape.length > 2) {
    throw damaged(
      checkpoint,
      found.name,
      `has the shape [${found.shape.join(", ")}], which does not fit a weight [${
        entry.shape.join(", ")
      }]`,
    );
  }
  return { name: found.name, rows: across, columns: along };
}

/** How many of `length` share one of `count` scales; undefined where that does not come out. */
function sharing(length: number, count: number, block: number): number | undefined {
  if (count === 1) return length;
  if (count === length) return 1;
  if (block > 0 && Math.ceil(length / block) === count) return block;
  return length % count === 0 ? length / count : undefined;
}

function blockSize(config: JsonObject): readonly [number, number] {
  const said = config["quantization_config"] ?? null;
  const size = isJsonObject(said) ? said["weight_block_size"] : undefined;
  if (!Array.isArray(size)) return BLOCK;
  const [rows, columns] = size as readonly unknown[];
  const fit = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;
  return fit(rows) && fit(columns) ? [rows, columns] : BLOCK;
}

function multiplied(checkpoint: Checkpoint, name: string, scaling: Scaling, ops: Ops): Tensor {
  const entry = checkpoint.entries.get(scaling.name);
  using weight = checkpoint.tensor(name);
  using scale = storedView(checkpoint, scaling.name, SCALE_TYPES, entry?.shape ?? []);
  const scales = ops.download(scale);
  if (!scales.every(Number.isFinite)) {
    throw damaged(checkpoint, scaling.name, "has scales that are not finite");
  }
  const bytes = ops.downloadBytes(weight);
  const [rows = 1, columns = bytes.length / rows] = weight.shape;
  const width = Math.ceil(columns / scaling.columns);
  const values = new Float32Array(bytes.length);
  for (let row = 0; row < rows; row++) {
    const first = Math.floor(row / scaling.rows) * width;
    for (let part = 0; part < width; part++) {
      const factor = scales[first + part]!;
      const end = row * columns + Math.min(columns, (part + 1) * scaling.columns);
      for (let i = row * columns + part * scaling.columns; i < end; i++) {
        values[i] = floatsOf8Bits[bytes[i]!]! * factor;
      }
    }
  }
  return ops.upload(values, "F32", weight.shape);
}
