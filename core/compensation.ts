/**
 * What rounding with error compensation takes and gives.
 *
 * @module
 */

import type { QuantizedWeight } from "./backend.ts";

/** How `Ops.factorGram` orders and damps. */
export interface FactorOptions {
  /**
   * The order in which columns are rounded. `"natural"`: as they are. `"activation"`: by the size of their
   * inputs (the diagonal of the Gram), the largest first. `"groups"`: groups by the sum over their inputs, the largest
   * first, and so within each; columns of a group then follow each other. Ties keep the natural order.
   */
  readonly order: "natural" | "activation" | "groups";
  /** Inputs of a group, for the order `"groups"`. */
  readonly groupSize?: number;
  /** Part of the diagonal's mean (over inputs that are not all 0) that is added to the diagonal; 0 or more. */
  readonly damping: number;
  /**
   * How often the factorization is tried, with ten times the damping each time (1e-4 after 0), until the matrix
   * is positive definite: 1 to 100.
   */
  readonly tries: number;
}

/**
 * The triangular factor of a damped Gram [K, K] in the order of rounding: all that
 * `Ops.compensate` needs of the inputs. Linears that share their input share it.
 */
export interface GramFactor extends Disposable {
  /** K. */
  readonly inputs: number;
  /** The damping that was needed. */
  readonly damping: number;
  /** Bytes it takes in memory: about 2.1 K^2 on the CPU, 4 K^2 on a GPU. */
  readonly byteLength: number;
}

/** How `Ops.compensate` fits its grid. */
export interface CompensateOptions {
  /**
   * `"static"`: to the weights as they are, before the first is rounded. `"dynamic"`: to each group as it stands when
   * its first column is reached, with what the columns before asked of it. Dynamic groups must divide 256 or
   * be the whole row, and the factor's order must keep them together. Default `"static"`.
   */
  readonly groups?: "static" | "dynamic" | undefined;
  /** A weight [N, K] on the same grid whose scales and zero points are used as they are, in place of fitting. */
  readonly ranges?: QuantizedWeight | undefined;
}

/** A weight rounded with error compensation. Disposing `weight` frees it. */
export interface CompensatedWeight {
  /** The integers, scales and zero points. */
  readonly weight: QuantizedWeight;
  /** ||X (w - Q)^T||^2, up to rounding; weights whose inputs are all 0 count as 0. */
  readonly loss: number;
}
