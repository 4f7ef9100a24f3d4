/**
 * onnxruntime's product with 4-bit weights (MatMulNBits) as a contestant. The bare import is found by
 * `peers.json`.
 *
 *     deno run --config bench/peers/peers.json -A bench/peers/onnxruntime.ts THREADS ACCURACY_LEVEL
 *
 * @module
 */

import { type Contestant, type Prepared, serve } from "../contestant.ts";
import { copiesOf, type Work } from "../work.ts";
import { roundInt4 } from "./int4_blocks.ts";
import { matMulNBitsModel } from "./onnx_model.ts";

const BLOCK = 128;

interface OrtTensor {
  readonly data: Float32Array;
}

interface OrtSession {
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}

interface Ort {
  readonly env: { readonly versions: { readonly node?: string } };
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<OrtSession>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: number[]) => OrtTensor;
}

async function prepare(
  ort: Ort,
  threads: number,
  accuracyLevel: 0 | 4,
  work: Work,
  x: Float32Array,
  w: Float32Array,
): Promise<Prepared> {
  if (work.kind !== "int4") throw new Error("Only 4-bit weights are compared with onnxruntime");
  const { T, N, K } = work;
  const copies = copiesOf(work);
  const weight = roundInt4(w, N, K, BLOCK, 64);
  const model = matMulNBitsModel({ T, N, K, block: BLOCK, copies, accuracyLevel }, weight);
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
  });
  const feeds = { x: new ort.Tensor("float32", x, [T, K]) };
  let outputs: Record<string, OrtTensor> = {};
  return {
    worksPerRun: copies,
    async run() {
      outputs = await session.run(feeds);
    },
    show(count) {
      const last = outputs[`y${copies - 1}`];
      if (last === undefined) throw new Error("Nothing was run");
      return Promise.resolve({
        y: last.data,
        rows: weight.rows.subarray(0, Math.min(count, N) * K),
      });
    },
    drop: () => session.release(),
  };
}

async function open(): Promise<Contestant> {
  const name = "onnxruntime-node";
  const module = await import(name);
  const ort: Ort = module.default ?? module;
  const threads = Number(Deno.args[0] ?? 2);
  const level = Deno.args[1] === "4" ? 4 : 0;
  return {
    about: `onnxruntime-node ${ort.env.versions.node ?? "1.30.0"}, MatMulNBits, block ${BLOCK}, ` +
      `accuracy level ${level}, ${threads} threads`,
    prepare: (work, x, w) => prepare(ort, threads, level, work, x, w),
  };
}

if (import.meta.main) await serve(open);
