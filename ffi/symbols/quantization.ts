/**
 * C functions of quantized weights. They may take long.
 *
 * @module
 */

/** Functions that round, measure, search and pack. */
export const QUANTIZATION_SYMBOLS = {
  salient_quantize: {
    parameters: [
      "u32", // uint32_t w
      "buffer", // const uint32_t grid[5]
      "u32", // uint32_t bounds
      "buffer", // uint32_t out[3]
    ],
    result: "i32",
  },
  salient_dequantize: {
    parameters: [
      "u32", // uint32_t codes
      "u32", // uint32_t scales
      "u32", // uint32_t zeros
      "buffer", // const uint32_t grid[5]
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_fake_quantize: {
    parameters: [
      "u32", // uint32_t w
      "buffer", // const uint32_t grid[5]
      "buffer", // const float *s
      "u32", // uint32_t count
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_scale_losses: {
    parameters: [
      "u32", // uint32_t w
      "u32", // uint32_t moment
      "u32", // uint32_t moment_kind
      "buffer", // const double reals[1]
      "buffer", // const uint32_t grid[5]
      "u32", // uint32_t candidates
      "buffer", // double *losses
      "u32", // uint32_t count
    ],
    result: "i32",
  },
  salient_scale_gradient: {
    parameters: [
      "u32", // uint32_t w
      "u32", // uint32_t moment
      "u32", // uint32_t moment_kind
      "buffer", // const double reals[1]
      "buffer", // const uint32_t grid[5]
      "buffer", // const float *s
      "buffer", // double *gradient
      "u32", // uint32_t count
      "buffer", // double losses[1]
    ],
    result: "i32",
  },
  salient_quantization_loss: {
    parameters: [
      "u32", // uint32_t w
      "u32", // uint32_t moment
      "u32", // uint32_t moment_kind
      "buffer", // const double reals[1]
      "buffer", // const uint32_t grid[5]
      "u32", // uint32_t codes
      "u32", // uint32_t scales
      "u32", // uint32_t zeros
      "buffer", // double losses[1]
    ],
    result: "i32",
  },
  salient_output_energy: {
    parameters: [
      "u32", // uint32_t w
      "u32", // uint32_t moment
      "u32", // uint32_t moment_kind
      "buffer", // const double reals[1]
      "buffer", // double losses[1]
    ],
    result: "i32",
  },
  salient_relative_magnitude: {
    parameters: [
      "u32", // uint32_t w
      "u32", // uint32_t group
      "buffer", // float *means
      "u32", // uint32_t count
    ],
    result: "i32",
  },
  salient_clip_search: {
    parameters: [
      "u32", // uint32_t w
      "u32", // uint32_t moment
      "u32", // uint32_t moment_kind
      "buffer", // const double reals[2]
      "buffer", // const uint32_t grid[5]
      "u32", // uint32_t steps
      "buffer", // uint32_t out[1]
      "buffer", // double clipped[1]
    ],
    result: "i32",
  },
  salient_search_ranges: {
    parameters: [
      "u32", // uint32_t w
      "u32", // uint32_t moment
      "u32", // uint32_t moment_kind
      "buffer", // const double reals[2]
      "buffer", // const uint32_t grid[5]
      "u32", // uint32_t steps
      "u32", // uint32_t sweeps
      "buffer", // uint32_t out[3]
      "buffer", // double clipped[1]
    ],
    result: "i32",
  },
  salient_refine_scales: {
    parameters: [
      "buffer", // const uint32_t *weights
      "u32", // uint32_t weight_count
      "u32", // uint32_t gram
      "buffer", // const uint32_t grid[5]
      "buffer", // const float *factors
      "u32", // uint32_t factor_count
      "buffer", // const uint32_t *channel_of
      "buffer", // float *s
      "u32", // uint32_t count
      "buffer", // double losses[2]
    ],
    result: "i32",
  },
  salient_pack_int4: {
    parameters: [
      "u32", // uint32_t codes
      "u32", // uint32_t along_out
      "buffer", // const uint8_t order[8]
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_unpack_int4: {
    parameters: [
      "u32", // uint32_t words
      "u32", // uint32_t along_out
      "buffer", // const uint8_t order[8]
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_pack: {
    parameters: [
      "u32", // uint32_t codes
      "u32", // uint32_t scales
      "u32", // uint32_t zeros
      "buffer", // const uint32_t grid[5]
      "buffer", // uint32_t out[1]
      "buffer", // double reals[1]
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;
