/**
 * Writing a block again that was done before.
 *
 * @module
 */

import type { AffineGrid, Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { ModelOutput } from "../output/model_output.ts";
import { checkActivation } from "../pipeline/check_activation.ts";
import { checkQuantized } from "../pipeline/check_quantized.ts";
import type { LinearRecord } from "../pipeline/linear_record.ts";
import type { LinearInfo } from "../plugin.ts";
import { DTYPE_BYTES, sizeOf } from "../tensor.ts";
import { codeBytes, unpackCodes } from "./code_bytes.ts";
import type { RecordOf } from "./journal_record.ts";
import type { JournaledBlock, JournaledPart } from "./run_journal.ts";

/** Where a block is written. */
export interface ReplayTarget {
  /** The linears of the model. */
  readonly linears: readonly LinearInfo[];
  /** Operations on tensors. */
  readonly ops: Ops;
  /** Takes the tensors. */
  readonly output: ModelOutput;
  /** Collects the grids. */
  readonly record: LinearRecord;
  /** Whether a linear's grid is one that the format stores; throws if not. */
  readonly check: (linear: LinearInfo, grid: AffineGrid) => void;
}

/**
 * Gives an output what a block was, in the order in which it came then. Everything is checked as if a plugin had just
 * answered it.
 *
 * @throws {SalientError} `input` where the journal holds what cannot be.
 */
export async function replayBlock(
  { summary, parts }: JournaledBlock,
  target: ReplayTarget,
  journal: string,
): Promise<void> {
  const own = target.linears.filter(({ block }) => block === summary.index);
  const reported = summary.reports.map(({ name }) => name);
  if (own.length !== reported.length || own.some(({ name }) => !reported.includes(name))) {
    throw damaged(journal, `reports of block ${summary.index}`);
  }
  const linears = new Map(own.map((linear) => [linear.name, linear]));
  for (const part of parts) {
    const { record } = part;
    if (record.type === "linear") {
      const info = linears.get(record.name);
      if (info === undefined || !linears.delete(record.name)) throw damaged(journal, record.name);
      await replayLinear(info, record, part, target, journal);
    } else if (record.type === "tensor") await replayTensor(record, part, target, journal);
    else if (record.type === "copy") await target.output.copy(record.prefix);
    else throw damaged(journal, record.type);
  }
  const missing = summary.reports.find(({ name, method }) =>
    linears.has(name) !== (method === "none")
  );
  if (missing !== undefined) throw damaged(journal, missing.name);
}

async function replayLinear(
  info: LinearInfo,
  { grid, activation }: RecordOf<"linear">,
  part: JournaledPart,
  { ops, output, record, check }: ReplayTarget,
  journal: string,
): Promise<void> {
  const [outputs, inputs] = info.shape;
  const groups = inputs / grid.groupSize;
  const sizes = [
    codeBytes(outputs * inputs, grid.bits),
    outputs * groups * 4,
    codeBytes(outputs * groups, grid.bits),
  ] as const;
  const isWhole = Number.isInteger(groups) && groups > 0 &&
    part.length === sizes[0] + sizes[1] + sizes[2];
  if (!isWhole) throw damaged(journal, info.name);
  const bytes = await part.read();
  const scalesAt = sizes[0];
  const zerosAt = scalesAt + sizes[1];
  using stack = new DisposableStack();
  const codes = unpackCodes(bytes.subarray(0, scalesAt), outputs * inputs, grid.bits);
  const zeros = unpackCodes(bytes.subarray(zerosAt), outputs * groups, grid.bits);
  const weight = {
    grid,
    codes: stack.use(ops.upload(codes, "U8", [outputs, inputs])),
    scales: stack.use(ops.upload(bytes.slice(scalesAt, zerosAt), "F32", [outputs, groups])),
    zeros: stack.use(ops.upload(zeros, "U8", [outputs, groups])),
    [Symbol.dispose]: () => stack.dispose(),
  };
  const rounded = activation === undefined ? undefined : checkActivation(activation);
  try {
    checkQuantized({ weight }, info, ops);
    check(info, grid);
    record.add(info, grid, rounded);
  } catch (cause) {
    if (!(cause instanceof SalientError)) throw cause;
    throw damaged(journal, info.name, cause);
  }
  await output.addLinear(info, weight, rounded);
}

async function replayTensor(
  { name, dtype, shape }: RecordOf<"tensor">,
  part: JournaledPart,
  { ops, output }: ReplayTarget,
  journal: string,
): Promise<void> {
  if (part.length !== sizeOf(shape) * DTYPE_BYTES[dtype]) throw damaged(journal, name);
  using tensor = ops.upload(await part.read(), dtype, shape);
  await output.addChanged(name, tensor);
}

function damaged(file: string, what: string, cause?: unknown): SalientError {
  return new SalientError(
    "input",
    `${file} is damaged at ${what}: remove its folder to start over`,
    cause === undefined ? { file } : { file, cause },
  );
}
