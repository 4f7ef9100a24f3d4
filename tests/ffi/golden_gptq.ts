/**
 * Comparison with integers that an independent GPTQ in torch chose (`tools/golden_gptq.py`).
 *
 * @module
 */

import type { AffineGrid, Backend, FactorOptions } from "../../core/backend.ts";

/** One run of the torch implementation. Arrays are base64. */
export interface GoldenRun {
  readonly grid: AffineGrid;
  readonly order: FactorOptions["order"];
  readonly groups: "static" | "dynamic";
  readonly damping: number;
  readonly codes: string;
  readonly scales: string;
  readonly zeros: string;
  readonly loss: number;
}

/** A weight [N, K] and a Gram, F32, and what was made of them. */
export interface GoldenCase {
  readonly shape: readonly [number, number];
  readonly weight: string;
  readonly gram: string;
  readonly runs: readonly GoldenRun[];
}

/** How one run compares. */
export interface Comparison {
  readonly label: string;
  /** Integers that differ, and all. */
  readonly different: number;
  readonly total: number;
  /** Scales and zero points that differ. */
  readonly gridDifferent: number;
  /** Our loss (measured, not the one that compensate() returns) / torch's - 1. */
  readonly lossRatio: number;
  /** Whether that loss agrees with what compensate() returned to 1e-3. */
  readonly lossOff: number;
}

/** Runs a case on a backend. */
export async function compareGolden(backend: Backend, golden: GoldenCase): Promise<Comparison[]> {
  const [N, K] = golden.shape;
  using w = backend.upload(Uint8Array.fromBase64(golden.weight), "F32", [N, K]);
  using gram = backend.upload(Uint8Array.fromBase64(golden.gram), "F32", [K, K]);
  const comparisons: Comparison[] = [];
  for (const { grid, order, groups, damping, ...expected } of golden.runs) {
    const options = { order, groupSize: grid.groupSize, damping, tries: 1 };
    using factor = (await backend.factorGram(gram, options))!;
    const { weight, loss } = await backend.compensate(w, factor, grid, { groups });
    using found = weight;
    const measured = await backend.quantizationLoss(w, { kind: "gram", gram }, found);
    const scales = backend.downloadBytes(found.scales);
    const zeros = backend.downloadBytes(found.zeros);
    comparisons.push({
      label: `[${N}, ${K}] ${grid.bits} bits, groups of ${grid.groupSize}, ${order}, ${groups}`,
      different: countDifferent(backend.downloadBytes(found.codes), expected.codes),
      total: N * K,
      gridDifferent: countDifferent(scales, expected.scales) +
        countDifferent(zeros, expected.zeros),
      lossRatio: measured / expected.loss - 1,
      lossOff: loss / measured - 1,
    });
  }
  return comparisons;
}

function countDifferent(bytes: Uint8Array, expected: string): number {
  const wanted = Uint8Array.fromBase64(expected);
  return bytes.reduce((count, byte, i) => count + (byte === wanted[i] ? 0 : 1), 0);
}
