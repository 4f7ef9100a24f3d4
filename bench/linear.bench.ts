/**
 * Products with fp32, bf16 and INT4 weights: one token (a matrix and a vector, bound by memory) and many
 * (bound by arithmetic). Shapes of Llama-3.2-1B and Llama-2-7B, seeded random weights, enough copies that
 * a weight has left the cache when its turn comes again.
 *
 * @module
 */

import { openBackend, type Tensor, type Weight } from "../mod.ts";
import { seededNormal } from "./seeded.ts";
import { linearGroup, type LinearWork, type Stored } from "./work.ts";

const ONE: readonly LinearWork[] = [
  { T: 1, N: 2048, K: 2048 },
  { T: 1, N: 4096, K: 4096 },
  { T: 1, N: 11008, K: 4096 },
  { T: 1, N: 4096, K: 11008 },
];
const MANY: readonly LinearWork[] = [
  { T: 256, N: 2048, K: 2048 },
  { T: 256, N: 4096, K: 4096 },
];
/** More than the last cache of the machines this was written on (32 MiB). */
const OUT_OF_CACHE = 96 * 2 ** 20;

const backend = await openBackend("auto");

/** A weight in one of the stored forms. */
async function makeWeight(stored: Stored, work: LinearWork): Promise<Weight> {
  const { N, K } = work;
  const data = seededNormal(N * K, 7, 0.02);
  const full = backend.upload(data, "F32", [N, K]);
  if (stored === "fp32") return full;
  using owned = full;
  if (stored === "bf16") return await backend.cast(owned, "BF16");
  using quantized = await backend.quantize(owned, {
    bits: 4,
    groupSize: 128,
    symmetric: false,
    scaleDtype: "F16",
    range: "minmax",
  });
  return await backend.pack(quantized);
}

/** One benchmark; its weights are made when it first runs. */
function bench(work: LinearWork, stored: Stored, precision: "fp32" | "bf16"): void {
  let weights: Weight[] | undefined;
  let x: Tensor | undefined;
  let turn = 0;
  Deno.bench({
    group: linearGroup(work),
    name: precision === "bf16" ? `${stored} as bf16 products` : stored,
    baseline: stored === "fp32",
    async fn(b) {
      if (weights === undefined || x === undefined) {
        const first = await makeWeight(stored, work);
        const copies = work.T > 1 ? 1 : Math.ceil(OUT_OF_CACHE / first.byteLength);
        weights = [first];
        while (weights.length < copies) weights.push(await makeWeight(stored, work));
        x = backend.upload(seededNormal(work.T * work.K, 3), "F32", [work.T, work.K]);
      }
      const weight = weights[turn++ % weights.length] as Weight;
      b.start();
      using _y = await backend.linear(x, weight, { precision });
      b.end();
    },
  });
}

for (const work of [...ONE, ...MANY]) {
  for (const stored of ["fp32", "bf16", "int4 g128"] as const) bench(work, stored, "fp32");
  if (work.T > 1) bench(work, "bf16", "bf16");
}
