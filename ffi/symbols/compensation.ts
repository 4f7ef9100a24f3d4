/**
 * C functions of rounding with error compensation. They may take long.
 *
 * @module
 */

/** Functions that factorize a Gram and round against the factor. */
export const COMPENSATION_SYMBOLS = {
  salient_factor_gram: {
    parameters: [
      "u32", // uint32_t gram
      "buffer", // const uint32_t numbers[3]
      "buffer", // double reals[2]
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_compensate: {
    parameters: [
      "u32", // uint32_t w
      "u32", // uint32_t factor
      "buffer", // const uint32_t grid[5]
      "u32", // uint32_t dynamic
      "u32", // uint32_t scales
      "u32", // uint32_t zeros
      "buffer", // uint32_t out[3]
      "buffer", // double losses[1]
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;
