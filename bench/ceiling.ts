/**
 * What the machine can do at most, and which of it limits a work.
 *
 * @module
 */

import type { Measure } from "./measure.ts";
import { costOf, type Work } from "./work.ts";

/** Best rate of one thread and of all. */
export interface Rates {
  /** One thread. */
  readonly one: number;
  /** As many threads as the contestants have. */
  readonly all: number;
}

/** GB/s read from memory, and 1e9 operations a second of each kind of multiply-add; null where there is none. */
export interface Ceilings {
  /** Threads of `all`. */
  readonly threads: number;
  /** GB/s. */
  readonly readGBs: Rates | null;
  /** fp32 multiply-adds. */
  readonly fp32: Rates | null;
  /** Products of pairs of bf16 summed in fp32. */
  readonly bf16: Rates | null;
  /** Products of four 8-bit integers summed in 32 bits. */
  readonly int8: Rates | null;
}

/** The ceilings among some measures, by name (`readGBs`, `fp32`, `bf16`, `int8`), of all threads or of one. */
export function ceilingsIn(
  measures: readonly Measure[],
  threads: "all" | "one" = "all",
): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { group, who, value } of measures) {
    if (group.startsWith("ceiling ") && who === threads) {
      found.set(group.slice("ceiling ".length), value);
    }
  }
  return found;
}

/** GB/s, GFLOP/s and the part of the ceiling of a work done in `nanoseconds`. */
export function ratesOf(
  work: Work,
  nanoseconds: number,
  ceilings: ReadonlyMap<string, number>,
): { gigabytes: number; gigaflops: number; part: number | undefined } {
  const { bytes, flops } = costOf(work);
  const gigabytes = bytes / nanoseconds;
  const gigaflops = flops / nanoseconds;
  const bound = work.kind !== "gram" && work.T === 1;
  const name = bound ? "readGBs" : work.kind === "gram" ? "fp32" : arithmeticOf(work);
  const ceiling = ceilings.get(name);
  const part = ceiling === undefined ? undefined : (bound ? gigabytes : gigaflops) / ceiling;
  return { gigabytes, gigaflops, part };
}

/** Weights of 4 bits are multiplied as bf16 when there are many tokens. */
function arithmeticOf(
  work: { kind: "product"; stored: "fp32" | "bf16" } | { kind: "int4" },
): string {
  return work.kind === "int4" ? "bf16" : work.stored;
}
