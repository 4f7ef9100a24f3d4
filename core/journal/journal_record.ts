/**
 * The records of a journal.
 *
 * @module
 */

import * as v from "valibot";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import { fromJournalText } from "./journal_text.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** Any number, NaN too, which plugins may note. */
const real = v.custom<number>((value) => typeof value === "number");
const figures = v.record(v.string(), v.union([real, v.string(), v.boolean()]));
const dtype = v.picklist(["F32", "F16", "BF16"]);

const shape = v.pipe(v.array(count), v.maxLength(8));

const grid = v.strictObject({
  bits: v.number(),
  groupSize: v.number(),
  symmetric: v.boolean(),
  scaleDtype: v.picklist(["F16", "BF16", "F32"]),
  range: v.picklist(["zero", "minmax"]),
});

const activation = v.strictObject({
  bits: v.number(),
  granularity: v.picklist(["token", "tensor"]),
  dynamic: v.boolean(),
  symmetric: v.exactOptional(v.boolean()),
  scale: v.exactOptional(v.number()),
});

const report = v.strictObject({
  name: v.string(),
  method: v.string(),
  bits: real,
  groupSize: real,
  error: real,
  rtnError: real,
  activation: v.nullable(activation),
  activationError: v.nullable(real),
  scaleExponent: v.nullable(real),
  clipped: real,
  notes: figures,
});

const rule = v.strictObject({
  match: v.string(),
  bits: v.exactOptional(v.number()),
  groupSize: v.exactOptional(v.number()),
  symmetric: v.exactOptional(v.boolean()),
  skip: v.exactOptional(v.boolean()),
});

const plan = v.strictObject({
  targetBits: v.number(),
  bitsPerWeight: v.number(),
  error: real,
  bound: real,
  seconds: v.number(),
  linears: v.array(v.strictObject({
    name: v.string(),
    bits: v.number(),
    errors: v.array(v.strictObject({ bits: v.number(), error: real })),
  })),
  rules: v.array(rule),
});

const states = v.strictObject({ bytes: count, sha256: v.string() });

/** What a run is, what it does whatever happens, and how many blocks it has. */
const key = v.strictObject({
  type: v.literal("key"),
  key: v.record(v.string(), v.string()),
  machine: v.string(),
  blocks: count,
});

const record = v.variant("type", [
  key,
  /** Bits that were chosen for a target. */
  v.strictObject({ type: v.literal("plan"), plan }),
  /** What the plugins have asked for in their setup, as a digest. */
  v.strictObject({ type: v.literal("setup"), digest: v.string() }),
  /** A quantized linear; its payload is its codes, scales and zero points. */
  v.strictObject({
    type: v.literal("linear"),
    name: v.string(),
    grid,
    activation: v.exactOptional(activation),
  }),
  /** A tensor that has changed; its payload is its bytes. */
  v.strictObject({ type: v.literal("tensor"), name: v.string(), dtype, shape }),
  /** Tensors whose names begin so are the model's. */
  v.strictObject({ type: v.literal("copy"), prefix: v.string() }),
  /** A block is done: all records since the one before are its. */
  v.strictObject({
    type: v.literal("block"),
    index: count,
    seconds: v.number(),
    reports: v.array(report),
    experts: v.array(v.tuple([v.number(), v.boolean()])),
    states: v.nullable(states),
  }),
]);

/** A record, without its payload. */
export type JournalRecord = v.InferOutput<typeof record>;

/** The record of one type. */
export type RecordOf<T extends JournalRecord["type"]> = Extract<JournalRecord, { type: T }>;

/**
 * Reads a record's header.
 *
 * @throws {SalientError} `input`, naming the file, for what is not a record.
 */
export function readRecord(header: string, file: string): JournalRecord {
  const result = v.safeParse(record, fromJournalText(header, file));
  if (result.success) return result.output;
  throw new SalientError(
    "input",
    `${file} is damaged at ${
      showName(v.getDotPath(result.issues[0]) ?? "a record")
    }: remove its folder to start over`,
    { file },
  );
}
