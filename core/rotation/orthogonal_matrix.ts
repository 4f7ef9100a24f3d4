/**
 * Orthogonal matrices.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { discard } from "../discard.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { transposeTiles } from "./transpose_tiles.ts";

/** Largest entry of R R^T - I: fp32 products of a matrix 16,384 wide stay an order of magnitude below. */
const TOLERANCE = 1e-4;

/** An orthogonal matrix R [n, n], checked, with its transpose. Row vectors are rotated: x becomes x R. */
export class OrthogonalMatrix implements Disposable {
  readonly #ops: Ops;
  readonly #matrix: Tensor;
  readonly #transposed: Tensor;

  private constructor(ops: Ops, matrix: Tensor, transposed: Tensor) {
    this.#ops = ops;
    this.#matrix = matrix;
    this.#transposed = transposed;
  }

  /**
   * Takes a copy of a matrix and checks it.
   *
   * @param what For the error, for example `rotateResidual`.
   * @throws {SalientError} `plugin` if it is no F32 tensor [size, size], or not orthogonal.
   */
  static async create(
    ops: Ops,
    matrix: unknown,
    size: number,
    what: string,
  ): Promise<OrthogonalMatrix> {
    const given = matrix as Tensor;
    const shape = Array.isArray(given?.shape) ? given.shape : [];
    if (given?.dtype !== "F32" || shape.length !== 2 || shape.some((length) => length !== size)) {
      const found = shape.length === 0 ? "no tensor" : `${given.dtype} [${shape.join(", ")}]`;
      refuse(`${what} got ${found} where F32 [${size}, ${size}] is wanted`);
    }
    using product = await ops.linear(given, given);
    const values = ops.download(product);
    let worst = 0;
    for (const [i, value] of values.entries()) {
      const difference = Math.abs(value - (i % (size + 1) === 0 ? 1 : 0));
      if (!(difference <= worst)) worst = difference; // NaN stays
      if (Number.isNaN(worst)) break;
    }
    discard(values);
    if (!(worst <= TOLERANCE)) {
      refuse(
        `${what} got a matrix that is not orthogonal: R R^T differs from the identity by ` +
          `${worst.toPrecision(2)}`,
      );
    }
    using stack = new DisposableStack();
    const copy = stack.use(await ops.cast(given, "F32"));
    const transposed = stack.use(transposeTensor(ops, copy));
    stack.move();
    return new OrthogonalMatrix(ops, copy, transposed);
  }

  /** x R for x [rows, n]. */
  async apply(x: Tensor): Promise<Tensor> {
    return await this.#ops.linear(x, this.#transposed);
  }

  /** x R^T for x [rows, n]: takes {@linkcode OrthogonalMatrix.apply} back. */
  async undo(x: Tensor): Promise<Tensor> {
    return await this.#ops.linear(x, this.#matrix);
  }

  /** R^T w for w [n, columns] of any float type: the weight whose outputs are rotated. */
  async applyToRows(w: Tensor): Promise<Tensor> {
    using columns = transposeTensor(this.#ops, w);
    return await this.#ops.linear(this.#transposed, columns);
  }

  /** This rotation and then `next`. Both stay as they are. */
  async followedBy(next: OrthogonalMatrix): Promise<OrthogonalMatrix> {
    using stack = new DisposableStack();
    const matrix = stack.use(await next.apply(this.#matrix));
    const transposed = stack.use(transposeTensor(this.#ops, matrix));
    stack.move();
    return new OrthogonalMatrix(this.#ops, matrix, transposed);
  }

  /** Frees both matrices. */
  [Symbol.dispose](): void {
    this.#matrix[Symbol.dispose]();
    this.#transposed[Symbol.dispose]();
  }
}

function transposeTensor(ops: Ops, tensor: Tensor): Tensor {
  const [rows = 0, columns = 0] = tensor.shape;
  const values = ops.download(tensor);
  const turned = transposeTiles(values, rows, columns);
  discard(values);
  const result = ops.upload(turned, "F32", [columns, rows]);
  discard(turned);
  return result;
}

function refuse(message: string): never {
  throw new SalientError("plugin", message);
}
