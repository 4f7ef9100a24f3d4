import assert from "node:assert/strict";
import { closestName } from "../../../core/export/closest_name.ts";

Deno.test("closestName() finds what was meant", () => {
  const names = ["awq-gemm", "gptq", "compressed-tensors", "gguf"];
  assert.equal(closestName("awq", names), "awq-gemm");
  assert.equal(closestName("awqgem", names), "awq-gemm");
  assert.equal(closestName("GTPQ", ["awq-gemm", "gptqs"]), undefined);
  assert.equal(closestName("gptg", names), "gptq");
  assert.equal(closestName("compresed-tensor", names), "compressed-tensors");
});

Deno.test("closestName() gives nothing where nothing is near", () => {
  assert.equal(closestName("", ["gguf"]), undefined);
  assert.equal(closestName("x", ["gguf"]), undefined);
  assert.equal(closestName("onnx", ["gguf", "awq-gemm"]), undefined);
  assert.equal(closestName("gguf", []), undefined);
});
