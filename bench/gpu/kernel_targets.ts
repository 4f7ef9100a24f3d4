/**
 * The targets of the INT4 products, read off the lines of the kernels' benchmark.
 *
 * @module
 */

import { type TargetRow, targetRow } from "./target_row.ts";

/** A line of `ffi/native/cuda/bench/bench_kernels.cu`. */
export interface KernelLine {
  readonly work?: string;
  readonly outputs?: number;
  readonly inputs?: number;
  readonly batch?: number;
  readonly microseconds?: number;
  readonly gbPerSecond?: number;
  readonly ofCopy?: number;
  readonly tflops?: number;
  readonly overCublas?: number;
  readonly error?: number;
  readonly wrong?: boolean;
}

/** Weights from which reading them takes longer than everything around it. */
const LARGE = 11008 * 4096;

/** What a product of that many tokens is to be over cuBLAS's fp16. */
function leastOverCublas(batch: number): number | undefined {
  if (batch === 1) return 3.2;
  if (batch === 16) return 3;
  if (batch === 64) return 2;
  return batch >= 256 ? 0.95 : undefined;
}

/** A row for each product with a target. */
export function kernelTargets(lines: readonly KernelLine[]): TargetRow[] {
  const rows: TargetRow[] = [];
  for (const { work, outputs = 0, inputs = 0, batch = 0, ofCopy, overCublas, wrong } of lines) {
    if (work !== "int4 fp16") continue;
    const shape = `INT4 g128, ${outputs}x${inputs}, batch ${batch}`;
    const note = wrong === true ? { note: "the result is wrong" } : {};
    const isMeasured = wrong !== true;
    if (batch === 1 && outputs * inputs >= LARGE) {
      const bound = { least: 0.85 };
      rows.push(
        targetRow(`${shape}, of copy`, ofCopy ?? null, "x", { bound, isMeasured, ...note }),
      );
    }
    const least = leastOverCublas(batch);
    if (least === undefined) continue;
    const missing = overCublas === undefined ? { note: "there is no cuBLAS" } : note;
    const options = { bound: { least }, isMeasured, ...missing };
    rows.push(targetRow(`${shape}, over cuBLAS fp16`, overCublas ?? null, "x", options));
  }
  return rows;
}
