/**
 * Products of 8-bit activations and 8-bit weights beside our bf16 ones, in turn, so that what else the machine does meets
 * both. Prints the best of some rounds; compare the GOP/s with `ceiling int8` of `deno task bench:ceilings`.
 *
 *     deno task bench:int8 [THREADS]
 *
 * @module
 */

import { type ActivationFormat, openBackend } from "../mod.ts";
import { seededNormal } from "./seeded.ts";

const ROUNDS = 9;
const SHAPES = [[4096, 4096], [11008, 4096], [4096, 11008]] as const;
const TOKENS = [1, 64, 256, 512] as const;
const A8: ActivationFormat = { bits: 8, granularity: "token", dynamic: true };

const threads = Number(Deno.args[0] ?? 2);
using backend = await openBackend("cpu", { threads });
console.log(`${backend.detail}\n`);
console.log("| tokens | inputs | outputs | int8, ms | GOP/s | bf16, ms | GFLOP/s | int8 is |");
console.log("| -----: | -----: | ------: | -------: | ----: | -------: | ------: | ------: |");
for (const [N, K] of SHAPES) {
  using full = backend.upload(seededNormal(N * K, 7, 0.02), "F32", [N, K]);
  using half = await backend.cast(full, "BF16");
  using integers = await backend.quantize(full, {
    bits: 8,
    groupSize: K,
    symmetric: true,
    scaleDtype: "BF16",
    range: "zero",
  });
  using packed = await backend.pack(integers);
  for (const T of TOKENS) {
    using x = backend.upload(seededNormal(T * K, 3), "F32", [T, K]);
    const best = { int8: Infinity, bf16: Infinity };
    for (let round = 0; round < ROUNDS; round++) {
      let start = performance.now();
      (await backend.linear(x, packed, { activation: A8 }))[Symbol.dispose]();
      best.int8 = Math.min(best.int8, performance.now() - start);
      start = performance.now();
      (await backend.linear(x, half, { precision: "bf16" }))[Symbol.dispose]();
      best.bf16 = Math.min(best.bf16, performance.now() - start);
    }
    const rate = (milliseconds: number): string => (2e-6 * T * N * K / milliseconds).toFixed(0);
    const cells = [T, K, N, best.int8.toFixed(2), rate(best.int8), best.bf16.toFixed(2)];
    cells.push(rate(best.bf16), `${(best.bf16 / best.int8).toFixed(2)}x`);
    console.log(`| ${cells.join(" | ")} |`);
  }
}
