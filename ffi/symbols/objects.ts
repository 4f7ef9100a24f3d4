/**
 * C functions of the library itself, of handles, files and plain tensors. They are quick.
 *
 * @module
 */

/** Functions that are always quick. */
export const OBJECT_SYMBOLS = {
  salient_abi_version: { parameters: [], result: "u32" },
  salient_error: {
    parameters: [
      "i32", // int32_t status
      "buffer", // uint8_t *text
      "u32", // uint32_t length
    ],
    result: "u32",
  },
  salient_describe: {
    parameters: [
      "buffer", // uint8_t *text
      "u32", // uint32_t length
    ],
    result: "u32",
  },
  salient_set_threads: {
    parameters: [
      "u32", // uint32_t count
    ],
    result: "i32",
  },
  salient_force_isa: {
    parameters: [
      "u32", // uint32_t level
    ],
    result: "i32",
  },
  salient_device: {
    parameters: [
      "u32", // uint32_t index
      "buffer", // uint8_t *text
      "u32", // uint32_t length
      "buffer", // double reals[8]
    ],
    result: "i32",
  },
  salient_choose_device: {
    parameters: [
      "u32", // uint32_t index
    ],
    result: "i32",
  },
  salient_memory: {
    parameters: [
      "buffer", // double reals[4]
    ],
    result: "i32",
  },
  salient_allocated: {
    parameters: [
      "buffer", // const uint32_t *handles
      "u32", // uint32_t count
      "buffer", // double reals[1]
    ],
    result: "i32",
  },
  salient_trim: { parameters: [], result: "i32" },
  salient_release: {
    parameters: [
      "u32", // uint32_t handle
    ],
    result: "i32",
  },
  salient_map: {
    parameters: [
      "buffer", // const uint8_t *path
      "u32", // uint32_t length
      "buffer", // uint32_t out[1]
      "buffer", // double reals[1]
    ],
    result: "i32",
  },
  salient_file_tensor: {
    parameters: [
      "u32", // uint32_t file
      "u64", // uint64_t offset
      "u32", // uint32_t dtype
      "buffer", // const uint32_t *shape
      "u32", // uint32_t rank
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_file_release: {
    parameters: [
      "u32", // uint32_t file
      "u64", // uint64_t offset
      "u64", // uint64_t length
    ],
    result: "i32",
  },
  salient_zeros: {
    parameters: [
      "u32", // uint32_t dtype
      "buffer", // const uint32_t *shape
      "u32", // uint32_t rank
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_upload: {
    parameters: [
      "buffer", // const uint8_t *data
      "u64", // uint64_t bytes
      "u32", // uint32_t dtype
      "buffer", // const uint32_t *shape
      "u32", // uint32_t rank
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_download: {
    parameters: [
      "u32", // uint32_t tensor
      "buffer", // float *data
      "u64", // uint64_t count
    ],
    result: "i32",
  },
  salient_download_bytes: {
    parameters: [
      "u32", // uint32_t tensor
      "buffer", // uint8_t *data
      "u64", // uint64_t bytes
    ],
    result: "i32",
  },
  salient_rows: {
    parameters: [
      "u32", // uint32_t tensor
      "u32", // uint32_t start
      "u32", // uint32_t count
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
  salient_reshape: {
    parameters: [
      "u32", // uint32_t tensor
      "buffer", // const uint32_t *shape
      "u32", // uint32_t rank
      "buffer", // uint32_t out[1]
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;
