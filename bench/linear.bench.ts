/**
 * Our works by themselves: products with fp32, bf16 and 4-bit weights, of one token (bound by memory, enough copies
 * that a weight has left the cache when its turn comes again) and of many (bound by arithmetic), and Gram matrices.
 * The report derives GB/s and GFLOP/s from a benchmark's name.
 *
 * @module
 */

import { openBackend } from "../mod.ts";
import type { Prepared } from "./contestant.ts";
import { prepareOurs } from "./ours.ts";
import { seededNormal } from "./seeded.ts";
import { COMPARED } from "./shapes.ts";
import { nameOf, type Work } from "./work.ts";

const backend = await openBackend("auto");
/** The last work that was made ready: only one is kept. */
let last: { readonly name: string; readonly prepared: Prepared } | undefined;

async function ready(work: Work): Promise<Prepared> {
  const name = nameOf(work);
  if (last?.name === name) return last.prepared;
  await last?.prepared.drop();
  const x = seededNormal(work.T * work.K, 3);
  const w = seededNormal(work.kind === "gram" ? 0 : work.N * work.K, 7, 0.02);
  last = { name, prepared: await prepareOurs(backend, work, x, w) };
  return last.prepared;
}

/** Groups are by shape, so that the ways to store a weight stand together; bf16 is the baseline. */
function benchmark(work: Work): void {
  const group = work.kind === "gram"
    ? "gram"
    : `${work.T} token(s), ${work.K} inputs, ${work.N} outputs`;
  Deno.bench({
    group,
    name: nameOf(work),
    baseline: work.kind === "product" && work.stored === "bf16",
    async fn(b) {
      const prepared = await ready(work);
      b.start();
      await prepared.run();
      b.end();
    },
  });
}

/** A work with a 4-bit weight is preceded by the same with a bf16 weight. */
for (const work of Object.values(COMPARED).flat()) {
  if (work.kind === "int4") benchmark({ ...work, kind: "product", stored: "bf16" });
  benchmark(work);
}
