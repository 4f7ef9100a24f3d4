// The heavy kernels of the CUDA library: products, quantized weights, attention.
//
// Every pointer is device memory unless said otherwise, row-major, sizes already checked by the caller. A function
// queues its work on simt::stream() and does not wait; a launch that fails throws (see simt.h). T tokens, K inputs,
// N outputs. Results are the same bits every time: no sum depends on the order in which blocks run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace salient::cuda {

// Element types, numbered as in salient.h.
enum class Element : uint32_t { F64, F32, F16, BF16, F8_E4M3, I64, I32, I8, U8, BOOL };

// Memory that a call may use until its work is done, one for each stream. `counters` holds kCounters words that are
// zero when a call begins and zero again when its work is done.
struct Workspace {
  void* data;
  size_t bytes;
  uint32_t* counters;
};
constexpr uint32_t kCounters = 16384;

// ---------------------------------------------------------------------------------------------------
// Quantized weights (layout: kernels/packed_layout.h)

// Where the parts of a packed weight lie. Codes of 2, 3 and 4 bits take as many, those of 5 to 8 bits a byte.
struct PackedLayout {
  uint32_t N, K, group;
  uint32_t container;      // bits that a code takes: 2, 3, 4 or 8
  uint32_t groups;         // K / group
  uint32_t tiles;          // of 16 rows
  uint32_t units_of_group; // of 32 inputs, the last one of a group filled with zeros
  uint32_t chunks;         // of 64 inputs: two units
  size_t meta_offset;      // byte at which scales and zero points begin
  size_t bytes;            // of it all
};
// Host. `group` divides K.
PackedLayout packed_layout(uint32_t N, uint32_t K, uint32_t group, uint32_t bits);

// From the canonical form: codes [N, K], scales [N, groups] fp32, zeros [N, groups], at most 2^bits. `data` has layout.bytes
// bytes and starts on 16. Scales keep 15 bits of mantissa: all of fp16 and bf16, 2^-17 of fp32.
void pack(const PackedLayout& layout, const uint8_t* codes, const float* scales, const uint8_t* zeros, void* data);
// The same on host memory.
void pack_on_host(const PackedLayout& layout, const uint8_t* codes, const float* scales, const uint8_t* zeros,
                  void* data);
// Rows [first, first + rows) as F32, F16 or BF16: out [rows, stride]; what lies beyond K in a row is set to zero.
void unpack(const PackedLayout& layout, const void* data, uint32_t first, uint32_t rows, Element type, void* out,
            uint32_t stride);

// y [T, N] = x [T, K] W^T + bias. x and y F32, F16 or BF16; bias F32 [N] or null. fp32 sums. F32 inputs are rounded to
// fp16 after each row was brought into its range by a power of two; F16 and BF16 are used as they are.
size_t packed_linear_workspace(const PackedLayout& layout, Element x_type, uint32_t T);
void packed_linear(const PackedLayout& layout, const void* data, const void* x, Element x_type, const float* bias,
                  void* y, Element y_type, uint32_t T, const Workspace& workspace);

// ---------------------------------------------------------------------------------------------------
// Products

enum class Precision : uint32_t { Fp32, Fp16, Bf16 };

// y [T, N] = x [T, K] W^T + bias. x F32, F16 or BF16; W F64, F32, F16, BF16 or F8_E4M3; y F32, F16 or BF16. Fp32: fp32
// products. Fp16, Bf16: x and W rounded to that type (x after a power of two for each row where it is Fp16), tensor
// cores with fp32 sums.
size_t linear_workspace(Element x_type, Element w_type, Precision precision, uint32_t T, uint32_t K, uint32_t N);
void linear(const void* x, Element x_type, const void* w, Element w_type, const float* bias, void* y, Element y_type,
           uint32_t T, uint32_t K, uint32_t N, Precision precision, const Workspace& workspace);

// Whether cuBLASLt serves larger products of 16-bit types: it is opened where the system has it.
bool library_found();

// y [T, N] = x_scales[t] w_scales[n] (x W^T) + bias with integer sums: x I8 [T, K], w I8 [N, K], bias F32 [N] or null.
void int8_linear(const int8_t* x, const float* x_scales, const int8_t* w, const float* w_scales, const float* bias,
                void* y, Element y_type, uint32_t T, uint32_t K, uint32_t N);

// ---------------------------------------------------------------------------------------------------
// Attention

struct AttentionShape {
  uint32_t heads, kv_heads, head_dim, sequences;
  uint32_t queries, keys;  // rows of one sequence in q; rows of one sequence to use in k and v
  float scale;
  uint32_t window;       // 0: all before
  uint32_t query_start;  // position of the first query among the keys
  float softcap = 0;     // scores become softcap * tanh(score / softcap); 0: as they are
  const float* slopes = nullptr;  // [heads]: times key less query position, added to scores
};
// Causal attention. q [S * queries, heads * head_dim] as out, k and v [S * keys, kv_heads * head_dim], all of `type` (F32,
// F16 or BF16); head_dim at most 512. fp32 scores and sums, no queries x keys matrix. A query that sees no key gives zeros.
size_t attention_workspace(const AttentionShape& shape);
void attention(const void* q, const void* k, const void* v, void* out, Element type, const AttentionShape& shape,
              const Workspace& workspace);

// One step of decoding, with the number of keys in device memory, so that a captured graph serves every step: query
// position is *length - 1, keys are rows [0, *length) of caches with `capacity` rows. shape.queries is 1, shape.sequences 1,
// shape.keys and shape.query_start are not used.
size_t decode_attention_workspace(const AttentionShape& shape, uint32_t capacity);
void decode_attention(const void* q, const void* k, const void* v, void* out, Element type, const AttentionShape& shape,
                     const uint32_t* length, uint32_t capacity, const Workspace& workspace);

}  // namespace salient::cuda
