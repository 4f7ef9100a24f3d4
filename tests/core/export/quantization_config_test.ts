import assert from "node:assert/strict";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { recogniseFormat } from "../../../core/export/formats.ts";
import { OTHER_METHODS } from "../../../core/export/other_methods.ts";
import { refused } from "../checkpoint/checkpoint_files.ts";
import { linear } from "./exported_linear.ts";

/** What a configuration means for a linear of a name. */
function meaning(quantization: JsonObject, name = "model.layers.0.mlp.up_proj") {
  const found = recogniseFormat({ quantization_config: quantization });
  const stored = found?.stored.of({ ...linear(64, 256), name });
  return found && [found.format.name, stored?.bits, stored?.groupSize, stored?.symmetric];
}

Deno.test("old files that name no method are told by their keys", () => {
  const autoGptq = { bits: 4, group_size: 128, damp_percent: 0.01, desc_act: true, sym: true };
  assert.deepEqual(meaning(autoGptq), ["gptq", 4, 128, true]);
  const llmAwq = { zero_point: true, q_group_size: 128, w_bit: 4, version: "GEMM" };
  assert.deepEqual(meaning(llmAwq), ["awq-gemm", 4, 128, false]);
});

Deno.test("methods are found however they are spelt, and GPTQ without checkpoint_format is version 1", () => {
  const base = { quant_method: "GPTQ", bits: 4, group_size: -1, sym: false };
  assert.deepEqual(meaning(base), ["gptq", 4, 256, false]);
  assert.deepEqual(meaning({ ...base, checkpoint_format: "gptq_v2" }), ["gptq-v2", 4, 256, false]);
  assert.deepEqual(meaning({ ...base, format: "gptq_p", bits: 5 }), ["gptq-p", 5, 256, false]);
});

Deno.test("auto-round is read as the format that it is packed in", () => {
  const base = {
    quant_method: "auto-round",
    bits: 4,
    group_size: 128,
    sym: true,
    data_type: "int",
  };
  const packed = (packing_format: string) => meaning({ ...base, packing_format });
  assert.deepEqual(packed("auto_round:auto_gptq"), ["gptq", 4, 128, true]);
  assert.deepEqual(packed("auto_round"), ["gptq", 4, 128, true]);
  assert.deepEqual(packed("auto_round:gptqmodel"), ["gptq-v2", 4, 128, true]);
  assert.deepEqual(packed("auto_round:auto_awq"), ["awq-gemm", 4, 128, false]);
  assert.deepEqual(
    meaning({ ...base, quant_method: "intel/auto-round", backend: "auto_round:exllamav2" }),
    [
      "gptq",
      4,
      128,
      true,
    ],
  );
});

Deno.test("auto-round's settings of single linears hold for these alone", () => {
  const config = {
    quant_method: "auto-round",
    bits: 4,
    group_size: 128,
    sym: true,
    packing_format: "auto_round:auto_gptq",
    extra_config: {
      "model.layers.1.mlp.down_proj": { bits: 8 },
      "model.layers.2.self_attn.q_proj": { bits: 16 },
      ".*lm_head.*": { bits: 16 },
    },
  };
  assert.deepEqual(meaning(config, "model.layers.1.mlp.down_proj"), ["gptq", 8, 128, true]);
  assert.deepEqual(meaning(config, "model.layers.1.mlp.down_proj2"), ["gptq", 4, 128, true]);
  const plain = ["gptq", undefined, undefined, undefined];
  assert.deepEqual(meaning(config, "model.layers.2.self_attn.q_proj"), plain);
  assert.deepEqual(meaning(config, "lm_head"), plain);
});

const GROUP = {
  targets: ["Linear"],
  input_activations: null,
  weights: { num_bits: 4, type: "int", symmetric: false, strategy: "group", group_size: 64 },
};
const COMPRESSED = {
  quant_method: "compressed-tensors",
  format: "pack-quantized",
  ignore: ["lm_head", "re:.*layers\\.0\\.self_attn.*"],
  config_groups: { group_0: GROUP },
};

Deno.test("compressed-tensors: patterns leave out, several groups and layouts are read", () => {
  assert.deepEqual(meaning(COMPRESSED), ["pack-quantized", 4, 64, false]);
  const left = meaning(COMPRESSED, "model.layers.0.self_attn.q_proj");
  assert.deepEqual(left, ["pack-quantized", undefined, undefined, undefined]);
  const rows = { num_bits: 8, type: "int", symmetric: true, strategy: "channel" };
  const attention = { targets: ["re:.*self_attn.*"], weights: rows };
  const both = { ...COMPRESSED, config_groups: { group_0: attention, group_1: GROUP } };
  const name = "model.layers.1.self_attn.q_proj";
  assert.deepEqual(meaning(both, name), ["pack-quantized", 8, 256, true]);
  assert.deepEqual(meaning(both), ["pack-quantized", 4, 64, false]);
  const layouts = {
    ...both,
    format: "mixed-precision",
    config_groups: {
      group_0: { ...attention, format: "int-quantized" },
      group_1: { ...GROUP, format: "pack-quantized" },
    },
  };
  assert.deepEqual(meaning(layouts, name), ["mixed-precision", 8, 256, true]);
  const naive = {
    ...COMPRESSED,
    format: "naive-quantized",
    config_groups: { a: { ...GROUP, weights: rows } },
  };
  assert.deepEqual(meaning(naive), ["int-quantized", 8, 256, true]);
  for (const actorder of ["group", "weight", "static", true, false]) {
    const weights = { ...GROUP.weights, actorder };
    const config = { ...COMPRESSED, config_groups: { a: { ...GROUP, weights } } };
    assert.deepEqual(meaning(config), ["pack-quantized", 4, 64, false]);
  }
});

Deno.test("weights that are floating point numbers of 8 bits are not quantized linears", () => {
  const weights = { num_bits: 8, type: "float", symmetric: true, strategy: "channel" };
  const config_groups = { group_0: { targets: ["Linear"], weights } };
  for (
    const config of [
      { ...COMPRESSED, format: "float-quantized", config_groups },
      { ...COMPRESSED, format: "naive-quantized", config_groups },
      { quant_method: "fp8", weight_block_size: [128, 128] },
      { quant_method: "fbgemm_fp8", modules_to_not_convert: [] },
      { quant_method: "modelopt", quant_algo: "FP8" },
    ]
  ) assert.equal(meaning(config), undefined);
});

Deno.test("what is not read is named in one line, with what can be done", async () => {
  for (const [method, { name, advice }] of Object.entries(OTHER_METHODS)) {
    const error = await refused(
      () => meaning({ quant_method: method }),
      /which this version does not read/,
    );
    assert.ok(error.message.includes(name) && error.message.endsWith(advice), error.message);
  }
  const nvfp4 = { num_bits: 4, type: "float", strategy: "tensor_group", group_size: 16 };
  const floats = { targets: ["Linear"], format: "nvfp4-pack-quantized", weights: nvfp4 };
  const cases: [JsonObject, RegExp][] = [
    [{ load_in_4bit: true }, /quantized with bitsandbytes/],
    [
      { quant_method: "modelopt", quant_algo: "NVFP4" },
      /quantized with modelopt, which .* it reads awq, gptq/,
    ],
    [
      { quant_method: "shiny" },
      /quantized with shiny, which this version does not read: it reads awq/,
    ],
    [{}, /quant_method is missing: it must be one of awq, gptq/],
    [{ quant_method: 3 }, /quant_method is 3/],
    [
      { quant_method: "gptq", bits: 4, group_size: 128, is_marlin_format: true },
      /checkpoint_format is marlin/,
    ],
    [{ quant_method: "gptq", bits: 5, group_size: 128 }, /bits is 5: it must be 2, 3, 4, 8/],
    [
      { quant_method: "auto-round", bits: 4, group_size: 32, data_type: "mx_fp" },
      /data_type is "mx_fp"/,
    ],
    [
      { quant_method: "auto-round", bits: 4, group_size: 32, packing_format: "itrex" },
      /packing_format is "itrex", and of auto-round's packings/,
    ],
    [
      { ...COMPRESSED, config_groups: { a: floats } },
      /4-bit floating point numbers stored as "nvfp4/,
    ],
    [{ ...COMPRESSED, format: "marlin-24" }, /has format "marlin-24", and pack-quantized/],
    [
      { ...COMPRESSED, transform_config: { config_groups: {} } },
      /transform_config asks for rotations/,
    ],
    [
      { ...COMPRESSED, sparsity_config: { format: "sparse-24-bitmask" } },
      /sparsity_config asks for zeros/,
    ],
  ];
  for (const [config, text] of cases) await refused(() => meaning(config), text);
  await refused(
    () => recogniseFormat({ quantization: { group_size: 64, bits: 4 } }),
    /quantized by MLX .* mlx_lm\.convert --dequantize/,
  );
});
