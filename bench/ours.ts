/**
 * Our side: works done through the public operations of a backend.
 *
 * @module
 */

import { type Backend, openBackend, type Tensor, type Weight } from "../mod.ts";
import { type Contestant, type Prepared, serve } from "./contestant.ts";
import { copiesOf, type Int4Work, type ProductWork, type Work } from "./work.ts";

/** Makes a work ready on a backend. `x` is [T, K]; `w` is [N, K], unused for a Gram matrix. */
export async function prepareOurs(
  backend: Backend,
  work: Work,
  x: Float32Array,
  w: Float32Array,
): Promise<Prepared> {
  if (work.kind === "gram") return prepareGram(backend, work.T, work.K, x);
  return await prepareProduct(backend, work, x, w);
}

async function prepareProduct(
  backend: Backend,
  work: ProductWork | Int4Work,
  x: Float32Array,
  w: Float32Array,
): Promise<Prepared> {
  const { T, N, K } = work;
  const precision = work.kind === "product" ? work.stored : T > 1 ? "bf16" : "fp32";
  const input = backend.upload(x, "F32", [T, K]);
  const weights: Weight[] = [];
  let used: Float32Array = new Float32Array();
  for (let copy = 0; copy < copiesOf(work); copy++) {
    const made = await makeWeight(backend, work, w, copy === 0);
    weights.push(made.weight);
    if (copy === 0) used = made.values;
  }
  let y: Tensor | undefined;
  return {
    worksPerRun: weights.length,
    async run() {
      for (const weight of weights) {
        y?.[Symbol.dispose]();
        y = await backend.linear(input, weight, { precision });
      }
    },
    show(count) {
      if (y === undefined) throw new Error("Nothing was run");
      const rows = used.subarray(0, Math.min(count, N) * K);
      return Promise.resolve({ y: backend.download(y), rows });
    },
    drop() {
      for (const tensor of [input, y, ...weights]) tensor?.[Symbol.dispose]();
    },
  };
}

/** A weight in the form that the work asks for, and its values where they are asked for. */
async function makeWeight(
  backend: Backend,
  work: ProductWork | Int4Work,
  w: Float32Array,
  withValues: boolean,
): Promise<{ weight: Weight; values: Float32Array }> {
  const full = backend.upload(w, "F32", [work.N, work.K]);
  if (work.kind === "product" && work.stored === "fp32") return { weight: full, values: w };
  using owned = full;
  if (work.kind === "product") {
    const weight = await backend.cast(owned, "BF16");
    return { weight, values: withValues ? backend.download(weight) : new Float32Array() };
  }
  using quantized = await backend.quantize(owned, {
    bits: 4,
    groupSize: 128,
    symmetric: false,
    scaleDtype: "F16",
    range: "minmax",
  });
  let values: Float32Array = new Float32Array();
  if (withValues) {
    using dequantized = await backend.dequantize(quantized);
    values = backend.download(dequantized);
  }
  return { weight: await backend.pack(quantized), values };
}

function prepareGram(backend: Backend, T: number, K: number, x: Float32Array): Prepared {
  const input = backend.upload(x, "F32", [T, K]);
  const gram = backend.zeros("F32", [K, K]);
  return {
    run: () => backend.accumulateGram(input, gram),
    async show(count) {
      // One accumulation: its "weight" is X^T, so that row i of the result is X^T times column i.
      using once = backend.zeros("F32", [K, K]);
      await backend.accumulateGram(input, once);
      return { y: backend.download(once), rows: x.subarray(0, count * K) };
    },
    drop() {
      input[Symbol.dispose]();
      gram[Symbol.dispose]();
    },
  };
}

/** How ours takes part: as it is, or with bf16 weights where the work has 4-bit ones. */
export type OursForm = "plain" | "bf16";

/** The contestant that the comparisons run. */
export async function openOurs(threads: number, form: OursForm): Promise<Contestant> {
  const backend = await openBackend("cpu", { threads });
  return {
    about: `salient, ${backend.detail}`,
    prepare(work, x, w) {
      const done: Work = form === "bf16" && work.kind === "int4"
        ? { ...work, kind: "product", stored: "bf16" }
        : work;
      return prepareOurs(backend, done, x, w);
    },
  };
}

if (import.meta.main) {
  await serve(() =>
    openOurs(Number(Deno.args[0] ?? 2), Deno.args[1] === "bf16" ? "bf16" : "plain")
  );
}
