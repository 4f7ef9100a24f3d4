/**
 * onnxruntime's MatMulNBits in a process of its own:
 *
 *     deno run --config tests_clients/peers/peers.json -A tests_clients/children/onnx.ts < REQUEST.json
 *
 * REQUEST is `{"T","N","K","block","codes","scales","zeros","x"}`: integers two to a byte as the operator wants them, all
 * as lists. The answer is `{"y":[...]}`.
 *
 * @module
 */

import { matMulNBitsModel } from "../../bench/peers/onnx_model.ts";

const { T, N, K, block, codes, scales, zeros, x } = JSON.parse(
  await new Response(Deno.stdin.readable).text(),
);
const name = "onnxruntime-node";
const module = await import(name);
const ort = module.default ?? module;
const weight = {
  codes: Uint8Array.from(codes as number[]),
  scales: Float32Array.from(scales as number[]),
  zeros: Uint8Array.from(zeros as number[]),
  rows: new Float32Array(0),
};
const model = matMulNBitsModel({ T, N, K, block, copies: 1, accuracyLevel: 0 }, weight);
const session = await ort.InferenceSession.create(model, { executionProviders: ["cpu"] });
const feeds = { x: new ort.Tensor("float32", Float32Array.from(x as number[]), [T, K]) };
const { y0 } = await session.run(feeds);
console.log(JSON.stringify({ y: [...y0.data] }));
Deno.exit(0);
