/**
 * Linears of a GGUF file as integers.
 *
 * @module
 */

import type { Ops, QuantizedWeight } from "../backend.ts";
import { showName } from "../checkpoint/show_name.ts";
import { discard } from "../discard.ts";
import { SalientError } from "../errors.ts";
import type { LinearInfo } from "../plugin.ts";
import { type BlockGrid, blockGrid } from "./block_grid.ts";
import type { GgufCheckpoint } from "./gguf_checkpoint.ts";

/** A weight, and whether its values are those of the blocks. */
export interface GgufWeight {
  /** Its integers. The receiver disposes it. */
  readonly weight: QuantizedWeight;
  /** Whether `(q - zero) * scale` is what the blocks stand for, exactly. */
  readonly exact: boolean;
}

/**
 * The integers, scales and zero points of a linear that is stored in blocks that may lie on a grid ({@linkcode GRID_BITS}). Groups of 32 whose scales and
 * zero points are the same in every row are joined, two, four and so on at a time.
 *
 * @throws {SalientError} `input`, naming the linear, where its blocks lie on no grid with a zero point.
 */
export function ggufWeight(checkpoint: GgufCheckpoint, linear: LinearInfo, ops: Ops): GgufWeight {
  const { name, shape: [outputs, inputs] } = linear;
  const { type, bytes } = checkpoint.blocks(`${name}.weight`);
  const found = blockGrid(type, bytes);
  discard(bytes);
  if (found === undefined) {
    throw new SalientError(
      "input",
      `Linear ${
        showName(name)
      } of ${checkpoint.directory} is stored in ${type} blocks whose minima are no multiples of their scales, so that ` +
        `it has no zero points: quantize it anew (salient quantize), or use --format dequantized`,
      { file: checkpoint.directory, tensor: name },
    );
  }
  const { bits, symmetric, codes, exact } = found;
  const { scales, zeros, groups } = joined(found, inputs / 32);
  using stack = new DisposableStack();
  const weight = {
    grid: {
      bits,
      groupSize: inputs / groups,
      symmetric,
      scaleDtype: "F16",
      range: "minmax",
    },
    codes: stack.use(ops.upload(codes, "U8", [outputs, inputs])),
    scales: stack.use(ops.upload(scales, "F32", [outputs, groups])),
    zeros: stack.use(ops.upload(zeros, "U8", [outputs, groups])),
  } as const;
  discard(codes);
  const owned = stack.move();
  return { weight: { ...weight, [Symbol.dispose]: () => owned.dispose() }, exact };
}

function joined(
  { scales, zeros }: Pick<BlockGrid, "scales" | "zeros">,
  groups: number,
): Pick<BlockGrid, "scales" | "zeros"> & { readonly groups: number } {
  if (groups % 2 !== 0) return { scales, zeros, groups };
  for (let i = 0; i < scales.length; i += 2) {
    const same = Object.is(scales[i], scales[i + 1]) && zeros[i] === zeros[i + 1];
    if (!same) return { scales, zeros, groups };
  }
  const half = {
    scales: new Float32Array(scales.length / 2),
    zeros: new Uint8Array(zeros.length / 2),
  };
  // Not by filter(), which makes a list of all numbers first.
  for (let i = 0; i < half.scales.length; i++) {
    half.scales[i] = scales[2 * i]!;
    half.zeros[i] = zeros[2 * i]!;
  }
  return joined(half, groups / 2);
}
