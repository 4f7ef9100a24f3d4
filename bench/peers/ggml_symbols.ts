/**
 * The few functions of ggml that the comparison calls, with their C declarations.
 *
 * @module
 */

/** Of `libggml-base.so`. */
export const BASE = {
  ggml_init: {
    // struct ggml_init_params { size_t mem_size; void * mem_buffer; bool no_alloc; }
    parameters: [{ struct: ["usize", "pointer", "bool"] }],
    result: "pointer", // struct ggml_context *
  },
  ggml_new_tensor_2d: {
    parameters: [
      "pointer", // struct ggml_context *
      "i32", // enum ggml_type
      "i64", // int64_t ne0
      "i64", // int64_t ne1
    ],
    result: "pointer", // struct ggml_tensor *
  },
  ggml_mul_mat: { parameters: ["pointer", "pointer", "pointer"], result: "pointer" },
  ggml_new_graph_custom: {
    parameters: [
      "pointer", // struct ggml_context *
      "usize", // size_t size
      "bool", // bool grads
    ],
    result: "pointer", // struct ggml_cgraph *
  },
  ggml_build_forward_expand: { parameters: ["pointer", "pointer"], result: "void" },
  ggml_backend_cpu_buffer_type: { parameters: [], result: "pointer" },
  ggml_backend_alloc_ctx_tensors_from_buft: {
    parameters: [
      "pointer", // struct ggml_context *
      "pointer", // ggml_backend_buffer_type_t
    ],
    result: "pointer", // struct ggml_backend_buffer *
  },
  ggml_backend_buffer_free: { parameters: ["pointer"], result: "void" },
  ggml_backend_buft_name: { parameters: ["pointer"], result: "pointer" },
  ggml_free: { parameters: ["pointer"], result: "void" },
  ggml_tensor_overhead: { parameters: [], result: "usize" },
  ggml_graph_overhead_custom: { parameters: ["usize", "bool"], result: "usize" },
  ggml_backend_tensor_set: {
    parameters: [
      "pointer", // struct ggml_tensor *
      "buffer", // const void * data
      "usize", // size_t offset
      "usize", // size_t size
    ],
    result: "void",
  },
  ggml_backend_tensor_get: {
    parameters: ["pointer", "buffer", "usize", "usize"],
    result: "void",
  },
  ggml_quantize_chunk: {
    parameters: [
      "i32", // enum ggml_type
      "buffer", // const float * src
      "buffer", // void * dst
      "i64", // int64_t start
      "i64", // int64_t nrows
      "i64", // int64_t n_per_row
      "buffer", // const float * imatrix
    ],
    result: "usize",
  },
  dequantize_row_q4_0: { parameters: ["buffer", "buffer", "i64"], result: "void" },
  dequantize_row_q4_K: { parameters: ["buffer", "buffer", "i64"], result: "void" },
  ggml_row_size: { parameters: ["i32", "i64"], result: "usize" },
  ggml_backend_reg_get_proc_address: {
    parameters: [
      "pointer", // ggml_backend_reg_t
      "buffer", // const char * name
    ],
    result: "pointer",
  },
  ggml_backend_reg_dev_get: { parameters: ["pointer", "usize"], result: "pointer" },
  ggml_backend_graph_compute: { parameters: ["pointer", "pointer"], result: "i32" },
  ggml_backend_free: { parameters: ["pointer"], result: "void" },
  ggml_threadpool_params_init: {
    parameters: [
      "buffer", // struct ggml_threadpool_params *
      "i32", // int n_threads
    ],
    result: "void",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** Of `libggml-cpu-<variant>.so`. */
export const CPU = {
  ggml_backend_score: { parameters: [], result: "i32" },
  ggml_backend_cpu_reg: { parameters: [], result: "pointer" },
  ggml_backend_cpu_init: { parameters: [], result: "pointer" },
  ggml_backend_cpu_set_n_threads: { parameters: ["pointer", "i32"], result: "void" },
  ggml_backend_cpu_set_threadpool: { parameters: ["pointer", "pointer"], result: "void" },
  ggml_threadpool_new: { parameters: ["buffer"], result: "pointer" },
  ggml_threadpool_free: { parameters: ["pointer"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;
