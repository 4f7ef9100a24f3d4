/**
 * C functions of recorded steps.
 *
 * @module
 */

/** Functions that record a step of decoding and run it again. */
export const STEP_SYMBOLS = {
  salient_record: {
    parameters: [
      "u32", // uint32_t id
      "u32", // uint32_t position
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_recording: {
    parameters: [
      "u32", // uint32_t step
    ],
    result: "i32",
  },
  salient_recorded: {
    parameters: [
      "u32", // uint32_t step
      "buffer", // uint32_t numbers[3]
    ],
    result: "i32",
  },
  salient_replay: {
    parameters: [
      "u32", // uint32_t step
      "u32", // uint32_t id
      "u32", // uint32_t position
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;
