// The compute kernels behind the C ABI: raw pointers, row-major, sizes already checked by the caller. The CPU and the
// CUDA library each have their own; what belongs to a tensor (w, codes, moments, candidates) is memory of the device
// there, what belongs to the caller (ids, targets, factors, s, losses, means, order) is the host's in both.
//
// T tokens, K inputs, N outputs, G = K / group. Every function is deterministic and gives the same bits
// for every number of threads. None throws except std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace salient {

enum class DType : uint32_t { F64, F32, F16, BF16, F8_E4M3, I64, I32, I8, U8, BOOL };

// ---------------------------------------------------------------------------------------------------
// Machine (of the CPU library)

// Levels of x86_64, then levels of AArch64; of each, a higher one needs all that the lower ones need.
enum class Isa : uint32_t { Scalar, Avx2, Avx512, Avx512Bf16, Neon, NeonDot, NeonBf16 };
constexpr uint32_t kIsas = 7;

// The best level that both the processor and SALIENT_ISA (scalar|avx2|avx512|avx512bf16|neon|neondot|neonbf16)
// allow.
Isa isa();
const char* isa_name(Isa level);
// Forces a level (tests); false if the processor lacks it.
bool force_isa(Isa level);

// Threads that parallel_for uses, the caller's included. 0 means one for each core.
void set_threads(uint32_t count);
uint32_t threads();
// Runs body(begin, end) over [0, count) in pieces of `grain` (the last may be shorter). The pieces do not
// depend on the number of threads. Safe to call from several threads at once; workers sleep when idle.
void parallel_for(size_t count, size_t grain, const std::function<void(size_t, size_t)>& body);
// Frees the scratch memory that kernels keep between calls.
void trim_scratch();

// ---------------------------------------------------------------------------------------------------
// Conversion

// n elements of a float type (F64, F32, F16, BF16, F8_E4M3) to fp32.
void to_f32(const void* source, DType type, float* target, size_t n);
// n elements of fp32 to F32, F16 or BF16, half to even.
void from_f32(const float* source, void* target, DType type, size_t n);

// ---------------------------------------------------------------------------------------------------
// Products

// y [T, N] = x [T, K] W^T + bias. W [N, K] of any float type. bf16: x and W rounded to bf16, fp32 sums.
void linear(const float* x, const void* w, DType type, const float* bias, float* y,  //
            size_t T, size_t K, size_t N, bool bf16);
// gram [K, K] += x^T x, kept symmetric. x [T, K].
void accumulate_gram(const float* x, float* gram, size_t T, size_t K);

// ---------------------------------------------------------------------------------------------------
// Quantized weights

struct Grid {
  uint32_t bits;
  uint32_t group;   // inputs that share a scale; divides K
  bool symmetric;
  DType scale;      // F32, F16 or BF16: scales are rounded to it before the integers are chosen
  bool range_zero;  // widen the range of an asymmetric group to hold 0
};

// What is known of the inputs: the Gram [K, K], or `rows` input rows [rows, K] and the factor of their sum.
struct Moment {
  bool tokens;
  const float* data;
  size_t rows;
  double weight;
};

// Opaque weight in the layout of the kernel that runs it.
struct Packed;
Packed* pack(const uint8_t* codes, const float* scales, const uint8_t* zeros, const Grid& grid,  //
             size_t N, size_t K);
void free_packed(Packed* packed);
size_t packed_bytes(const Packed* packed);
// y [T, N] = x [T, K] W^T + bias, fp32 activations, without unpacking W as a whole.
void packed_linear(const Packed* packed, const float* x, const float* bias, float* y, size_t T);
// The same with x rounded to whole numbers of `bits` bits first: by `scale`, or, where it is 0, by the largest value
// of each row. Sums of integers where the weight has 8 bits and one scale for each row.
void packed_linear_rounded(const Packed* packed, const float* x, const float* bias, float* y, size_t T,
                           uint32_t bits, float scale);
// out [T, K] = x [T, K] rounded so.
void round_inputs(const float* x, float* out, size_t T, size_t K, uint32_t bits, float scale);

uint8_t largest_code(const uint8_t* codes, size_t n);
// codes [N, K], scales [N, G], zeros [N, G]; bounds [N, G] or null.
void quantize(const void* w, DType type, const Grid& grid, const float* bounds,  //
              uint8_t* codes, float* scales, uint8_t* zeros, size_t N, size_t K);
void dequantize(const uint8_t* codes, const float* scales, const uint8_t* zeros, const Grid& grid,  //
                float* w, size_t N, size_t K);
// out [N, K] = Q(w * s) / s; s [K] or null.
void fake_quantize(const void* w, DType type, const Grid& grid, const float* s, float* out,  //
                   size_t N, size_t K);
// losses [C] = ||X (w - Q(w * s) / s)^T||^2 for each row s of candidates [C, K].
void scale_losses(const void* w, DType type, const Moment& moment, const Grid& grid,  //
                  const float* candidates, size_t C, double* losses, size_t N, size_t K);
// Returns ||X (w - Q(w * s) / s)^T||^2; gradient [K] is its straight-through derivative by log s.
double scale_gradient(const void* w, DType type, const Moment& moment, const Grid& grid, const float* s,  //
                      double* gradient, size_t N, size_t K);
double quantization_loss(const void* w, DType type, const Moment& moment, const Grid& grid,  //
                         const uint8_t* codes, const float* scales, const uint8_t* zeros, size_t N, size_t K);
double output_energy(const void* w, DType type, const Moment& moment, size_t N, size_t K);
// out [K] = mean over rows of |w| / (group amax + 1e-6).
void relative_magnitude(const void* w, DType type, uint32_t group, float* out, size_t N, size_t K);
// bounds [N, G]; returns how many groups are clipped.
uint64_t clip_search(const void* w, DType type, const Moment& moment, const Grid& grid, uint32_t steps,  //
                     float max_shrink, float* bounds, size_t N, size_t K);
// Coordinate descent on the groups' ranges (see Ops.searchRanges): codes [N, K], scales and zeros [N, G];
// returns how many groups are not on their plain range.
uint64_t search_ranges(const void* w, DType type, const Moment& moment, const Grid& grid, uint32_t steps,  //
                       float max_shrink, uint32_t sweeps, uint8_t* codes, float* scales, uint8_t* zeros,  //
                       size_t N, size_t K);
// Coordinate descent (see Ops.refineScales): s [K] is changed in place; losses[0] before, losses[1] after.
void refine_scales(const void* const* w, const DType* types, const size_t* N, size_t weights,  //
                   const float* gram, const Grid& grid, const float* factors, size_t F,        //
                   const uint32_t* channel_of, float* s, double losses[2], size_t K);
// The order in which a weight's columns are rounded: as they are; the largest inputs first; or groups by the sum of
// their inputs, and the largest inputs first in each.
enum class Order : uint32_t { Natural, Activation, Groups };

// The factor of a Gram matrix that compensate() takes: one for all weights with these inputs.
struct Factor;
// The damping times the mean of the diagonal is added to the diagonal; ten times as much each time, up to `tries`
// times, until the matrix is positive definite. Null if it never is; finite: whether the Gram is.
Factor* factor_gram(const float* gram, size_t K, Order order, uint32_t group, double damping, uint32_t tries,
                    bool* finite);
void free_factor(Factor* factor);
size_t factor_bytes(const Factor* factor);
size_t factor_inputs(const Factor* factor);
double factor_damping(const Factor* factor);
// Whether the columns of a group are rounded one after the other.
bool keeps_groups(const Factor* factor, uint32_t group);

// GPTQ's column loop (see Ops.compensate): codes [N, K], scales and zeros [N, G]. Returns the squared error of the
// output, NaN where w is not finite. given_scales and given_zeros [N, G], or null to fit the grid here: to the
// weights as they are (dynamic false), or to each group as it stands when its first column is reached; dynamic
// groups divide kCompensatedGroup, or are the whole row.
constexpr uint32_t kCompensatedGroup = 256;
double compensate(const void* w, DType type, const Factor& factor, const Grid& grid, bool dynamic,
                  const float* given_scales, const uint8_t* given_zeros, uint8_t* codes, float* scales,
                  uint8_t* zeros, size_t N);

// order[8]: neighbour held by nibble i. along_out: words [K, N/8], else [N, K/8].
void pack_int4(const uint8_t* codes, bool along_out, const uint8_t* order, uint32_t* words, size_t N, size_t K);
void unpack_int4(const uint32_t* words, bool along_out, const uint8_t* order, uint8_t* codes, size_t N, size_t K);

// ---------------------------------------------------------------------------------------------------
// Attention

struct AttentionShape {
  size_t heads, kv_heads, head_dim, sequences;
  size_t queries, keys;  // rows of one sequence in q; rows of one sequence to use in k and v
  float scale;
  size_t window;       // 0: all before
  size_t query_start;  // position of the first query among the keys
  float softcap = 0;   // scores become softcap * tanh(score / softcap); 0: as they are
  const float* slopes = nullptr;  // [heads] memory of the host: times key less query position, added to scores
  size_t capacity = 0;  // rows of one sequence that k and v have
};
// Causal attention, tiled: no queries x keys matrix of all heads at once. out as q.
void attention(const float* q, const float* k, const float* v, float* out, const AttentionShape& shape);

}  // namespace salient
