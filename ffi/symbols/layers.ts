/**
 * C functions of the forward pass and its statistics. They may take long.
 *
 * @module
 */

/** Functions of a forward pass, and what is gathered while it runs. */
export const LAYER_SYMBOLS = {
  salient_cast: {
    parameters: [
      "u32", // uint32_t tensor
      "u32", // uint32_t dtype
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_copy_rows: {
    parameters: [
      "u32", // uint32_t source
      "u32", // uint32_t target
      "u32", // uint32_t row
    ],
    result: "i32",
  },
  salient_linear: {
    parameters: [
      "u32", // uint32_t x
      "u32", // uint32_t weight
      "u32", // uint32_t bias
      "u32", // uint32_t bf16
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_linear_rounded: {
    parameters: [
      "u32", // uint32_t x
      "u32", // uint32_t weight
      "u32", // uint32_t bias
      "u32", // uint32_t bits
      "buffer", // const double reals[1]
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_embed: {
    parameters: [
      "u32", // uint32_t table
      "buffer", // const int32_t *ids
      "u32", // uint32_t count
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_rms_norm: {
    parameters: [
      "u32", // uint32_t x
      "u32", // uint32_t weight
      "buffer", // const double reals[2]
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_layer_norm: {
    parameters: [
      "u32", // uint32_t x
      "u32", // uint32_t weight
      "u32", // uint32_t bias
      "buffer", // const double reals[1]
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_rope: {
    parameters: [
      "u32", // uint32_t x
      "u32", // uint32_t table
      "buffer", // const uint32_t numbers[5]
    ],
    result: "i32",
  },
  salient_attention: {
    parameters: [
      "u32", // uint32_t q
      "u32", // uint32_t k
      "u32", // uint32_t v
      "buffer", // const uint32_t numbers[7]
      "buffer", // const double reals[2]
      "buffer", // const float *slopes
      "u32", // uint32_t slope_count
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_gated_activation: {
    parameters: [
      "u32", // uint32_t gate
      "u32", // uint32_t up
      "u32", // uint32_t activation
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_activate: {
    parameters: [
      "u32", // uint32_t x
      "u32", // uint32_t activation
    ],
    result: "i32",
  },
  salient_softcap: {
    parameters: [
      "u32", // uint32_t x
      "buffer", // const double reals[1]
    ],
    result: "i32",
  },
  salient_select_columns: {
    parameters: [
      "u32", // uint32_t x
      "buffer", // const int32_t *columns
      "u32", // uint32_t count
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_add_rows: {
    parameters: [
      "u32", // uint32_t target
      "u32", // uint32_t source
      "buffer", // const int32_t *rows
      "buffer", // const float *weights
      "u32", // uint32_t count
    ],
    result: "i32",
  },
  salient_add_in_place: {
    parameters: [
      "u32", // uint32_t x
      "u32", // uint32_t y
    ],
    result: "i32",
  },
  salient_negative_log_likelihood: {
    parameters: [
      "u32", // uint32_t logits
      "buffer", // const int32_t *targets
      "u32", // uint32_t count
      "buffer", // double *losses
    ],
    result: "i32",
  },
  salient_choose_tokens: {
    parameters: [
      "u32", // uint32_t logits
      "u32", // uint32_t top_k
      "buffer", // const double reals[2]
      "buffer", // const double *random
      "u32", // uint32_t count
      "buffer", // int32_t *tokens
    ],
    result: "i32",
  },
  salient_accumulate_abs: {
    parameters: [
      "u32", // uint32_t x
      "u32", // uint32_t sum
      "u32", // uint32_t max
    ],
    result: "i32",
  },
  salient_accumulate_gram: {
    parameters: [
      "u32", // uint32_t x
      "u32", // uint32_t gram
    ],
    result: "i32",
  },
  salient_scale_columns: {
    parameters: [
      "u32", // uint32_t w
      "buffer", // const float *factors
      "u32", // uint32_t count
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_scale_rows: {
    parameters: [
      "u32", // uint32_t w
      "buffer", // const float *factors
      "u32", // uint32_t count
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_scale_gram: {
    parameters: [
      "u32", // uint32_t gram
      "buffer", // const float *factors
      "u32", // uint32_t count
    ],
    result: "i32",
  },
  salient_summarize: {
    parameters: [
      "u32", // uint32_t tensor
      "buffer", // double reals[3]
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;
