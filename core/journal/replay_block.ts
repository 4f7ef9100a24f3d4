/**
 * Writing a block again that was done before.
 *
 * @module
 */

import type { AffineGrid, Ops } from "../backend.ts";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import type { ModelOutput } from "../output/model_output.ts";
import { checkActivation } from "../pipeline/check_activation.ts";
import { checkQuantized } from "../pipeline/check_quantized.ts";
import type { Model } from "../model/model.ts";
import type { LinearRecord } from "../pipeline/linear_record.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import { DTYPE_BYTES, sizeOf } from "../tensor.ts";
import { codeBytes, unpackCodes } from "./code_bytes.ts";
import type { RecordOf } from "./journal_record.ts";
import type { JournaledBlock, JournaledPart } from "./run_journal.ts";

/** Where a block is written. */
export interface ReplayTarget {
  /** The model. */
  readonly model: Pick<Model, "linears" | "architecture" | "checkpoint">;
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
  const { model } = target;
  const own = model.linears.filter(({ block }) => block === summary.index);
  const reported = summary.reports.map(({ name }) => name);
  if (own.length !== reported.length || own.some(({ name }) => !reported.includes(name))) {
    throw damaged(journal, `reports of block ${summary.index}`);
  }
  const linears = new Map(own.map((linear) => [linear.name, linear]));
  const prefix = `${model.architecture.block(summary.index).name}.`;
  const sizes = tensorSizes(model, own, prefix);
  for (const part of parts) {
    const { record } = part;
    if (record.type === "linear") {
      const info = linears.get(record.name);
      if (info === undefined || !linears.delete(record.name)) throw damaged(journal, record.name);
      sizes.delete(`${record.name}.weight`);
      await replayLinear(info, record, part, target, journal);
    } else if (record.type === "tensor") {
      const { name, dtype, shape } = record;
      const isFit = sizes.get(name) === sizeOf(shape) && sizes.delete(name) &&
        part.length === sizeOf(shape) * DTYPE_BYTES[dtype];
      if (!isFit) throw damaged(journal, name);
      using tensor = target.ops.upload(await part.read(), dtype, shape);
      await target.output.addChanged(name, tensor);
    } else if (record.type === "copy" && record.prefix === prefix && part === parts.at(-1)) {
      await target.output.copy(prefix);
    } else throw damaged(journal, `a record of type ${record.type}`);
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
  using cast = await ops.cast(weight.scales, grid.scaleDtype);
  using back = await ops.cast(cast, "F32");
  const stored = ops.download(back);
  const given = ops.download(weight.scales);
  if (stored.some((scale, i) => scale !== given[i])) throw damaged(journal, info.name);
  let rounded: ActivationFormat | undefined;
  try {
    rounded = activation === undefined ? undefined : checkActivation(activation);
    checkQuantized({ weight }, info, ops);
    check(info, grid);
    record.add(info, grid, rounded);
  } catch (cause) {
    if (!(cause instanceof SalientError)) throw cause;
    throw damaged(journal, info.name, cause);
  }
  await output.addLinear(info, weight, rounded);
}

/** Elements of each tensor of a block that may have changed, by its name. */
function tensorSizes(
  { checkpoint }: ReplayTarget["model"],
  linears: readonly LinearInfo[],
  prefix: string,
): Map<string, number> {
  const sizes = new Map(linears.map(({ name, shape }) => [`${name}.weight`, sizeOf(shape)]));
  for (const { name, shape } of checkpoint.entries.values()) {
    if (name.startsWith(prefix)) sizes.set(name, sizeOf(shape));
  }
  return sizes;
}

function damaged(file: string, what: string, cause?: unknown): SalientError {
  return new SalientError(
    "input",
    `${file} is damaged at ${showName(what)}: remove its folder to start over`,
    cause === undefined ? { file } : { file, cause },
  );
}
