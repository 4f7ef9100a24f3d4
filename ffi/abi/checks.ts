/**
 * Checks of what the operations of a native backend are given. The library checks again.
 *
 * @module
 */

import { type AffineGrid, type InputMoment, SalientError } from "../../core/backend.ts";
import { type DType, sizeOf, type Tensor } from "../../core/tensor.ts";
import { dtypeNumber, NativeTensor } from "./native_tensor.ts";
import type { NativeSession } from "./session.ts";

const FLOATS: readonly DType[] = ["F64", "F32", "F16", "BF16", "F8_E4M3"];
const MAX_AXES = 8;
const MAX_LENGTH = 2 ** 32 - 1;

/** Rows and columns. */
export interface MatrixShape {
  /** Length of the first axis. */
  readonly rows: number;
  /** Length of the second axis. */
  readonly columns: number;
}

/** A moment as the library takes it. */
export interface MomentArguments {
  /** The Gram or the sample. */
  readonly tensor: NativeTensor;
  /** 0 for the Gram, 1 for the sample. */
  readonly kind: number;
  /** What squared errors are multiplied by. */
  readonly weight: number;
}

/** The checks of one operation; its name begins every message. */
export class Checks {
  readonly #session: NativeSession;
  readonly #operation: string;

  /** Checks for `operation` on tensors of `session`. */
  constructor(session: NativeSession, operation: string) {
    session.check();
    this.#session = session;
    this.#operation = operation;
  }

  /** A backend error unless `condition` holds. */
  that(condition: boolean, text: string): asserts condition {
    if (!condition) throw new SalientError("backend", `Cannot run ${this.#operation}: ${text}`);
  }

  /** The tensor as a living one of this backend. */
  tensor(tensor: Tensor, what: string): NativeTensor {
    this.that(
      tensor instanceof NativeTensor && tensor.session === this.#session,
      `${what} belongs to another backend`,
    );
    this.that(tensor.owned.living, `${what} was used after it was disposed`);
    return tensor;
  }

  /** A tensor whose element type is one of `dtypes`. */
  typed(tensor: Tensor, what: string, ...dtypes: readonly DType[]): NativeTensor {
    const mine = this.tensor(tensor, what);
    this.that(
      dtypes.includes(mine.dtype),
      `${what} must be ${dtypes.join(" or ")} but is ${mine.label}`,
    );
    return mine;
  }

  /** A tensor of any float type. */
  floats(tensor: Tensor, what: string): NativeTensor {
    return this.typed(tensor, what, ...FLOATS);
  }

  /** Rows and columns of a tensor that must have two axes, and `columns` columns if that is given. */
  matrix(tensor: NativeTensor, what: string, columns?: number): MatrixShape {
    const [first, second] = tensor.shape;
    this.that(
      tensor.shape.length === 2 && first !== undefined && second !== undefined &&
        (columns === undefined || second === columns),
      `${what} must have the shape [rows, ${columns ?? "columns"}] but has ${shown(tensor.shape)}`,
    );
    return { rows: first, columns: second };
  }

  /** Refuses a tensor of another shape. */
  shape(tensor: Tensor, what: string, shape: readonly number[]): void {
    const same = tensor.shape.length === shape.length &&
      tensor.shape.every((length, axis) => length === shape[axis]);
    this.that(same, `${what} must have the shape ${shown(shape)} but has ${shown(tensor.shape)}`);
  }

  /** Refuses a list of another length. */
  length(list: { readonly length: number }, what: string, length: number): void {
    this.that(
      list.length === length,
      `${what} must have ${length} entries but has ${list.length}`,
    );
  }

  /** Refuses all but whole numbers within [low, high]. */
  whole(value: number, what: string, low: number, high: number = MAX_LENGTH): void {
    this.that(
      Number.isSafeInteger(value) && value >= low && value <= high,
      `${what} must be a whole number from ${low} to ${high} but is ${value}`,
    );
  }

  /** A shape as the library takes it. */
  possible(shape: readonly number[]): Uint32Array<ArrayBuffer> {
    const lengths = shape.every((length) =>
      Number.isSafeInteger(length) && length >= 0 && length <= MAX_LENGTH
    );
    this.that(
      lengths && shape.length <= MAX_AXES && sizeOf(shape) <= 2 ** 48,
      `no tensor can have the shape ${shown(shape)}`,
    );
    return Uint32Array.from(shape);
  }

  /** A grid over K inputs as the library takes it. */
  grid(grid: AffineGrid, K: number): Uint32Array<ArrayBuffer> {
    this.whole(grid.bits, "bits", 2, 8);
    this.group(grid.groupSize, K);
    this.that(
      ["F16", "BF16", "F32"].includes(grid.scaleDtype),
      `scales cannot be ${grid.scaleDtype}`,
    );
    return Uint32Array.of(
      grid.bits,
      grid.groupSize,
      grid.symmetric ? 1 : 0,
      dtypeNumber(grid.scaleDtype),
      grid.range === "zero" ? 1 : 0,
    );
  }

  /** Refuses a group size that does not divide K. */
  group(groupSize: number, K: number): void {
    this.that(
      Number.isSafeInteger(groupSize) && groupSize > 0 && K % groupSize === 0,
      `group size ${groupSize} does not divide ${K} inputs`,
    );
  }

  /** The inputs' moment over K inputs as the library takes it. */
  moment(moment: InputMoment, K: number): MomentArguments {
    if (moment.kind === "gram") {
      const gram = this.typed(moment.gram, "gram", "F32");
      this.shape(gram, "gram", [K, K]);
      return { tensor: gram, kind: 0, weight: 1 };
    }
    const sample = this.typed(moment.sample, "sample", "F32");
    this.matrix(sample, "sample", K);
    this.that(Number.isFinite(moment.weight), "the sample's weight is not finite");
    return { tensor: sample, kind: 1, weight: moment.weight };
  }
}

function shown(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
