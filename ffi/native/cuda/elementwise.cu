// The simple operations of a forward pass: one thread for an element, one block for a row.
#include "../abi/elementwise.h"
#include "../abi/row_groups.h"

#include <cmath>

#include "memory.h"
#include "numbers.h"
#include "recording.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 256;

__device__ __forceinline__ size_t here() { return static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; }

template <class... Parameters, class... Arguments>
void for_each(const char* name, void (*kernel)(Parameters...), size_t count, Arguments&&... arguments) {
  if (count == 0) return;
  simt::launch(name, kernel, simt::blocks(count, kThreads), kThreads, 0, arguments...);
}

__global__ void convert_kernel(const void* source, DType from, void* target, DType to, size_t n) {
  const size_t i = here();
  if (i < n) store(target, to, i, load(source, from, i));
}

// The rows are ids + shift, in unsigned arithmetic.
__global__ void embed_kernel(const void* table, DType type, const uint32_t* ids, size_t shift, float* out, size_t count,
                             size_t H) {
  const size_t i = here();
  if (i < count * H) out[i] = load(table, type, (ids[i / H] + shift) * H + i % H);
}

// The row of the target is *position + shift, in unsigned arithmetic.
template <class T>
__global__ void copy_rows_kernel(T* target, const T* source, size_t n, size_t width, const uint32_t* position, size_t shift) {
  const size_t i = here();
  if (i < n) target[(*position + shift) * width + i] = source[i];
}

__global__ void rms_norm_kernel(const float* x, const void* weight, DType type, float* out, size_t H, double eps,
                                double offset) {
  const float* row = x + blockIdx.x * H;
  double squares = 0;
  for (size_t i = threadIdx.x; i < H; i += blockDim.x) squares += static_cast<double>(row[i]) * row[i];
  const double mean = block_sum(squares) / static_cast<double>(H);
  const float factor = static_cast<float>(1.0 / sqrt(mean + eps));
  for (size_t i = threadIdx.x; i < H; i += blockDim.x) {
    float scale = load(weight, type, i);
    if (offset != 0) scale = static_cast<float>(scale + offset);
    out[blockIdx.x * H + i] = row[i] * factor * scale;
  }
}

// A norm's number, or `otherwise` where it has none.
__device__ __forceinline__ float load_or(const void* data, DType type, size_t i, float otherwise) {
  return data == nullptr ? otherwise : load(data, type, i);
}

// The mean is taken off in fp64: it may be large beside what is left.
__global__ void layer_norm_kernel(const float* x, const void* weight, DType weight_type, const void* bias,
                                  DType bias_type, float* out, size_t H, double eps) {
  const float* row = x + blockIdx.x * H;
  double sum = 0;
  for (size_t i = threadIdx.x; i < H; i += blockDim.x) sum += static_cast<double>(row[i]);
  const double mean = block_sum(sum) / static_cast<double>(H);
  double squares = 0;
  for (size_t i = threadIdx.x; i < H; i += blockDim.x) {
    const double distance = static_cast<double>(row[i]) - mean;
    squares += distance * distance;
  }
  const double factor = 1.0 / sqrt(block_sum(squares) / static_cast<double>(H) + eps);
  for (size_t i = threadIdx.x; i < H; i += blockDim.x) {
    const float normal = static_cast<float>((static_cast<double>(row[i]) - mean) * factor);
    out[blockIdx.x * H + i] = normal * load_or(weight, weight_type, i, 1.0f) + load_or(bias, bias_type, i, 0.0f);
  }
}

// One thread for a pair, whose channels are `apart` from each other. Where there is a position, `start` counts from it.
__global__ void rope_kernel(float* x, const float* table, size_t T, size_t heads, size_t head_dim, size_t length,
                            const uint32_t* position, size_t start, size_t R, size_t step, size_t apart) {
  const size_t i = here(), half = R / 2;
  if (i >= T * heads * half) return;
  const size_t t = i / half / heads, head = i / half % heads, pair = i % half;
  if (position != nullptr) start += *position;
  const float* angles = table + (start + t % length) * R;
  const float cosine = angles[pair], sine = angles[half + pair];
  float* low = x + (t * heads + head) * head_dim + pair * step;
  const float a = low[0], b = low[apart];
  low[0] = a * cosine - b * sine;
  low[apart] = b * cosine + a * sine;
}

__device__ __forceinline__ float activated(float x, Activation activation) {
  switch (activation) {
    case Activation::Silu: return x / (1.0f + expf(-x));
    case Activation::Gelu: return static_cast<float>(0.5 * x * erfc(-x * 0.70710678118654752));
    case Activation::Relu: return x < 0.0f ? 0.0f : x;
    case Activation::Relu2: return x < 0.0f ? 0.0f : x * x;
    case Activation::QuickGelu: return x / (1.0f + expf(-1.702f * x));
    default: {
      // x * sigmoid(2u) is 0.5 x (1 + tanh(u)) without the cancellation.
      const float twice = 1.5957691216057308f * (x + 0.044715f * x * x * x);
      return x / (1.0f + expf(-twice));
    }
  }
}

__global__ void gated_kernel(const float* gate, const float* up, float* out, size_t n, Activation activation) {
  const size_t i = here();
  if (i < n) out[i] = activated(gate[i], activation) * up[i];
}

__global__ void activate_kernel(float* x, size_t n, Activation activation) {
  const size_t i = here();
  if (i < n) x[i] = activated(x[i], activation);
}

__global__ void softcap_kernel(float* x, size_t n, float cap) {
  const size_t i = here();
  if (i < n) x[i] = cap * tanhf(x[i] / cap);
}

__global__ void select_columns_kernel(const float* x, const int32_t* columns, float* out, size_t T, size_t K,
                                      size_t count) {
  const size_t i = here();
  if (i >= T * count) return;
  const int32_t column = columns[i % count];
  out[i] = column < 0 ? 0.0f : x[i / count * K + static_cast<size_t>(column)];
}

// One thread for a column of a row of the target: the rows of source that belong to the target's d-th row in use are
// members[starts[d]] to members[starts[d + 1] - 1], in their order.
__global__ void add_rows_kernel(float* target, const float* source, const int32_t* rows, const float* weights,
                                const uint32_t* members, const uint32_t* starts, size_t used, size_t K) {
  const size_t i = here();
  if (i >= used * K) return;
  const size_t d = i / K, k = i % K;
  float* at = target + static_cast<size_t>(rows[members[starts[d]]]) * K + k;
  float sum = *at;
  for (uint32_t m = starts[d]; m < starts[d + 1]; m++) {
    const uint32_t row = members[m];
    sum += weights[row] * source[static_cast<size_t>(row) * K + k];
  }
  *at = sum;
}

__global__ void add_kernel(float* x, const float* y, size_t n) {
  const size_t i = here();
  if (i < n) x[i] += y[i];
}

__global__ void likelihood_kernel(const float* logits, const int32_t* targets, double* losses, size_t V) {
  const size_t t = blockIdx.x;
  const int32_t target = targets[t];
  if (target < 0) {  // the same for the whole block
    if (threadIdx.x == 0) losses[t] = 0;
    return;
  }
  const float* row = logits + t * V;
  __shared__ float tops[32];
  float top = -INFINITY;
  bool nan = false;
  for (size_t i = threadIdx.x; i < V; i += blockDim.x) {
    nan |= row[i] != row[i];
    top = fmaxf(top, row[i]);
  }
  top = warp_max(top);
  if (threadIdx.x % 32 == 0) tops[threadIdx.x / 32] = top;
  __syncthreads();
  for (unsigned w = 0; w < blockDim.x / 32; w++) top = fmaxf(top, tops[w]);
  // An infinite shift would turn every term into NaN.
  const float shift = isinf(top) ? 0.0f : top;
  double terms = nan ? NAN : 0.0;
  for (size_t i = threadIdx.x; i < V; i += blockDim.x) terms += static_cast<double>(expf(row[i] - shift));
  terms = block_sum(terms);
  if (threadIdx.x == 0) losses[t] = static_cast<double>(shift) + log(terms) - static_cast<double>(row[target]);
}

__global__ void scale_columns_kernel(const void* w, DType type, const float* factors, float* out, size_t N, size_t K) {
  const size_t i = here();
  if (i < N * K) out[i] = load(w, type, i) * factors[i % K];
}

__global__ void scale_rows_kernel(const void* w, DType type, const float* factors, float* out, size_t N, size_t K) {
  const size_t i = here();
  if (i < N * K) out[i] = load(w, type, i) * factors[i / K];
}

__global__ void scale_gram_kernel(float* gram, const float* factors, size_t K) {
  const size_t i = here();
  if (i < K * K) gram[i] *= factors[i / K] * factors[i % K];
}

}  // namespace

void convert(const void* source, DType from, void* target, DType to, size_t n) {
  for_each("cast", convert_kernel, n, source, from, target, to, n);
}

void embed(const void* table, DType type, const int32_t* ids, float* out, size_t count, size_t V, size_t H) {
  if (count == 0) return;
  Recording* step = recording();
  if (step != nullptr && count > 1) step->refuse("it embeds more than one token");
  if (step != nullptr && count == 1) {
    const bool token = step->takes_token(ids[0], V);
    const size_t shift = token ? 0 : step->moving(static_cast<uint64_t>(ids[0]), V);
    for_each("embed", embed_kernel, H, table, type, token ? step->id() : step->position(), shift, out, size_t{1}, H);
    return;
  }
  const Temporary<uint32_t> rows(reinterpret_cast<const uint32_t*>(ids), count);
  for_each("embed", embed_kernel, count * H, table, type, rows.data(), size_t{0}, out, count, H);
}

void copy_rows(uint8_t* target, size_t target_rows, size_t row, const uint8_t* source, size_t rows, size_t row_bytes) {
  Recording* step = recording();
  if (step == nullptr) {
    device::move(target + row * row_bytes, source, rows * row_bytes);
    return;
  }
  const uint64_t shift = step->moving(row, target_rows - rows + 1);
  const uintptr_t places = reinterpret_cast<uintptr_t>(target) | reinterpret_cast<uintptr_t>(source);
  if ((places | row_bytes) % sizeof(uint32_t) == 0) {
    const size_t width = row_bytes / sizeof(uint32_t);
    for_each("copyRows", copy_rows_kernel<uint32_t>, rows * width, reinterpret_cast<uint32_t*>(target),
             reinterpret_cast<const uint32_t*>(source), rows * width, width, step->position(), shift);
  } else {
    for_each("copyRows", copy_rows_kernel<uint8_t>, rows * row_bytes, target, source, rows * row_bytes, row_bytes,
             step->position(), shift);
  }
}

void rms_norm(const float* x, const void* weight, DType type, float* out, size_t T, size_t H, double eps, double offset) {
  if (T == 0) return;
  simt::launch("rmsNorm", rms_norm_kernel, static_cast<unsigned>(T), kThreads, 0, x, weight, type, out, H, eps, offset);
}

void layer_norm(const float* x, const void* weight, DType weight_type, const void* bias, DType bias_type, float* out,
                size_t T, size_t H, double eps) {
  if (T == 0) return;
  simt::launch("layerNorm", layer_norm_kernel, static_cast<unsigned>(T), kThreads, 0, x, weight, weight_type, bias, bias_type,
               out, H, eps);
}

void rope(float* x, const float* table, size_t positions, size_t T, size_t heads, size_t head_dim, size_t sequences,
          size_t start, size_t R, bool interleaved) {
  const size_t step = interleaved ? 2 : 1, apart = interleaved ? 1 : R / 2, length = T / sequences;
  const uint32_t* position = nullptr;
  if (Recording* recorded = recording()) {
    position = recorded->position();
    start = recorded->moving(start, positions - length + 1);
  }
  for_each("rope", rope_kernel, T * heads * (R / 2), x, table, T, heads, head_dim, length, position, start, R, step, apart);
}

void gated_activation(const float* gate, const float* up, float* out, size_t n, Activation activation) {
  for_each("gatedActivation", gated_kernel, n, gate, up, out, n, activation);
}

void activate(float* x, size_t n, Activation activation) {
  for_each("activate", activate_kernel, n, x, n, activation);
}

void softcap(float* x, size_t n, float cap) { for_each("softcap", softcap_kernel, n, x, n, cap); }

void select_columns(const float* x, const int32_t* columns, float* out, size_t T, size_t K, size_t count) {
  const Temporary<int32_t> mine(columns, count);
  for_each("selectColumns", select_columns_kernel, T * count, x, mine.data(), out, T, K, count);
}

void add_rows(float* target, const float* source, const int32_t* rows, const float* weights, size_t count, size_t K) {
  const RowGroups groups = row_groups(rows, count);
  const Temporary<int32_t> places(rows, count);
  const Temporary<float> factors(weights, count);
  const Temporary<uint32_t> members(groups.members.data(), count), starts(groups.starts.data(), groups.starts.size());
  for_each("addRows", add_rows_kernel, groups.targets() * K, target, source, places.data(), factors.data(), members.data(),
           starts.data(), groups.targets(), K);
}

void add_in_place(float* x, const float* y, size_t n) { for_each("addInPlace", add_kernel, n, x, y, n); }

void negative_log_likelihood(const float* logits, const int32_t* targets, double* losses, size_t T, size_t V) {
  if (T == 0) return;
  const Temporary<int32_t> wanted(targets, T);
  const Temporary<double> found(T);
  simt::launch("negativeLogLikelihood", likelihood_kernel, static_cast<unsigned>(T), kThreads, 0, logits, wanted.data(),
               found.data(), V);
  found.read(losses);
}

void scale_columns(const void* w, DType type, const float* factors, float* out, size_t N, size_t K) {
  const Temporary<float> mine(factors, K);
  for_each("scaleColumns", scale_columns_kernel, N * K, w, type, mine.data(), out, N, K);
}

void scale_rows(const void* w, DType type, const float* factors, float* out, size_t N, size_t K) {
  const Temporary<float> mine(factors, N);
  for_each("scaleRows", scale_rows_kernel, N * K, w, type, mine.data(), out, N, K);
}

void scale_gram(float* gram, const float* factors, size_t K) {
  const Temporary<float> mine(factors, K);
  for_each("scaleGram", scale_gram_kernel, K * K, gram, mine.data(), K);
}

}  // namespace salient
