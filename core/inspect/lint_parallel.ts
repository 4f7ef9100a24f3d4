/**
 * Whether linears can be spread over several devices.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import type { Model } from "../model/model.ts";
import type { FormatSupport } from "./lint_target.ts";

/** Whether a model fits a number of devices. */
export interface ParallelFit {
  /** Devices. */
  readonly size: number;
  /** Whether every linear can be cut so. */
  readonly fits: boolean;
  /** The first thing that does not fit. */
  readonly reason: string | undefined;
}

const SIZES: readonly number[] = [2, 4, 8];

/** Cut along their inputs; the others along their outputs. */
const BY_INPUTS: readonly string[] = ["o", "down"];

/**
 * Engines cut q, k, v, gate and up along their outputs, o and down along their inputs, so that each device has whole
 * heads, whole groups, and shapes that its kernels know.
 */
export function lintParallel(model: Model, support: FormatSupport): readonly ParallelFit[] {
  return SIZES.map((size) => {
    const reason = whyNot(model, support, size);
    return { size, fits: reason === undefined, reason };
  });
}

function whyNot(model: Model, { fastShape }: FormatSupport, size: number): string | undefined {
  const { heads, kvHeads } = model.config;
  if (heads % size !== 0) return `${heads} heads do not divide by ${size}`;
  if (kvHeads % size !== 0 && size % kvHeads !== 0) {
    return `${kvHeads} key and value heads do not divide by ${size}`;
  }
  for (const linear of model.linears) {
    const stored = model.quantization?.of(linear);
    const byInputs = BY_INPUTS.includes(linear.role);
    const length = linear.shape[byInputs ? 1 : 0];
    // Key and value heads are copied where there are fewer of them than devices.
    const parts = linear.role === "k" || linear.role === "v" ? Math.min(size, kvHeads) : size;
    const part = linear.role === "qkv" ? fusedPart(model.config, size) : length / parts;
    const name = `${linear.name} has ${length} ${byInputs ? "inputs" : "outputs"}`;
    if (!Number.isInteger(part)) return `${name}, which do not divide by ${parts}`;
    if (stored === undefined) continue;
    const wholeRow = stored.groupSize === linear.shape[1];
    if (byInputs && !wholeRow && part % stored.groupSize !== 0) {
      return `${name}, and ${part} on each device are no whole groups of ${stored.groupSize}`;
    }
    const wanted = fastShape?.[byInputs ? 1 : 0];
    if (wanted !== undefined && part % wanted !== 0) {
      return `${name}, and ${part} on each device do not divide by ${wanted}`;
    }
  }
  return undefined;
}

/** Outputs of a fused linear on each device: its query heads, and its key and value heads or a copy of one. */
function fusedPart({ heads, kvHeads, headDim }: ModelConfig, size: number): number {
  return (heads / size + 2 * Math.max(kvHeads / size, 1)) * headDim;
}
