/**
 * ggml's product with Q4_0 or Q4_K weights as a contestant: a graph of products, one for each copy of the
 * weight, run by ggml's own processor backend with a pool of threads, weights rearranged as llama.cpp
 * does it.
 *
 *     deno run -A bench/peers/ggml.ts THREADS q4_0|q4_K
 *
 * @module
 */

import { type Contestant, type Prepared, serve } from "../contestant.ts";
import { copiesOf, type Work } from "../work.ts";
import { type Ggml, openGgml, repackBufferType } from "./ggml_library.ts";

const F32 = 0;
const TYPES = { q4_0: 2, q4_K: 12 } as const;
/** More than sizeof(struct ggml_threadpool_params). */
const POOL_PARAMS = 2048;

type TypeName = keyof typeof TYPES;

/** A context that holds the descriptions of tensors, not their data. */
function newContext(ggml: Ggml, tensors: number, graphNodes: number): Deno.PointerValue {
  const { base } = ggml;
  const size = base.ggml_tensor_overhead() * BigInt(tensors) +
    (graphNodes > 0 ? base.ggml_graph_overhead_custom(BigInt(graphNodes), false) : 0n);
  const params = new DataView(new ArrayBuffer(24));
  params.setBigUint64(0, size, true);
  params.setUint8(16, 1);
  const context = base.ggml_init(new Uint8Array(params.buffer));
  if (context === null) throw new Error("ggml_init failed");
  return context;
}

function allocate(ggml: Ggml, context: Deno.PointerValue, type: Deno.PointerValue) {
  const buffer = ggml.base.ggml_backend_alloc_ctx_tensors_from_buft(context, type);
  if (buffer === null) throw new Error("ggml has no memory for the tensors");
  return buffer;
}

/** The weight's blocks, and its first rows as they are used. */
function quantize(
  ggml: Ggml,
  type: TypeName,
  N: number,
  K: number,
  w: Float32Array,
  count: number,
) {
  const { base } = ggml;
  const rowBytes = Number(base.ggml_row_size(TYPES[type], BigInt(K)));
  const blocks = new Uint8Array(rowBytes * N);
  base.ggml_quantize_chunk(TYPES[type], w as BufferSource, blocks, 0n, BigInt(N), BigInt(K), null);
  const rows = new Float32Array(Math.min(count, N) * K);
  const dequantize = type === "q4_0" ? base.dequantize_row_q4_0 : base.dequantize_row_q4_K;
  dequantize(blocks, rows, BigInt(rows.length));
  return { blocks, rows };
}

function prepare(
  ggml: Ggml,
  backend: Deno.PointerValue,
  type: TypeName,
  work: Work,
  x: Float32Array,
  w: Float32Array,
): Prepared {
  if (work.kind !== "int4") throw new Error("Only 4-bit weights are compared with ggml");
  const { base } = ggml;
  const { T, N, K } = work;
  const copies = copiesOf(work);
  const plain = base.ggml_backend_cpu_buffer_type();
  const weights = newContext(ggml, copies + 1, 0);
  const made = Array.from({ length: copies }, () => {
    return base.ggml_new_tensor_2d(weights, TYPES[type], BigInt(K), BigInt(N));
  });
  const weightBuffer = allocate(ggml, weights, repackBufferType(ggml) ?? plain);
  const { blocks, rows } = quantize(ggml, type, N, K, w, 64);
  for (const tensor of made) {
    base.ggml_backend_tensor_set(tensor, blocks, 0n, BigInt(blocks.length));
  }
  const nodes = copies + 8;
  const context = newContext(ggml, copies + 8, nodes);
  const input = base.ggml_new_tensor_2d(context, F32, BigInt(K), BigInt(T));
  const products = made.map((tensor) => base.ggml_mul_mat(context, tensor, input));
  const graph = base.ggml_new_graph_custom(context, BigInt(nodes), false);
  for (const product of products) base.ggml_build_forward_expand(graph, product);
  const buffer = allocate(ggml, context, plain);
  base.ggml_backend_tensor_set(input, x as BufferSource, 0n, BigInt(x.byteLength));
  return {
    worksPerRun: copies,
    run() {
      const status = base.ggml_backend_graph_compute(backend, graph);
      if (status !== 0) throw new Error(`ggml_backend_graph_compute gave ${status}`);
    },
    show(count) {
      const y = new Float32Array(T * N);
      base.ggml_backend_tensor_get(products[copies - 1]!, y, 0n, BigInt(y.byteLength));
      return Promise.resolve({ y, rows: rows.subarray(0, Math.min(count, N) * K) });
    },
    drop() {
      base.ggml_backend_buffer_free(buffer);
      base.ggml_backend_buffer_free(weightBuffer);
      base.ggml_free(context);
      base.ggml_free(weights);
    },
  };
}

function open(): Promise<Contestant> {
  const threads = Number(Deno.args[0] ?? 2);
  const type: TypeName = Deno.args[1] === "q4_K" ? "q4_K" : "q4_0";
  const ggml = openGgml();
  const backend = ggml.cpu.ggml_backend_cpu_init();
  const params = new Uint8Array(POOL_PARAMS);
  ggml.base.ggml_threadpool_params_init(params, threads);
  const pool = ggml.cpu.ggml_threadpool_new(params);
  ggml.cpu.ggml_backend_cpu_set_n_threads(backend, threads);
  ggml.cpu.ggml_backend_cpu_set_threadpool(backend, pool);
  const packed = repackBufferType(ggml) === null ? "as stored" : "rearranged";
  return Promise.resolve({
    about: `ggml of @node-llama-cpp/linux-x64 3.21.1 (${ggml.variant}), ${type} ${packed}, ` +
      `${threads} threads`,
    prepare: (work, x, w) => prepare(ggml, backend, type, work, x, w),
  });
}

if (import.meta.main) await serve(open);
