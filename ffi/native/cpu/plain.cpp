// Plain versions of every kernel.
#include <algorithm>

#include "../tests/plain.h"

namespace salient {
struct Packed { std::vector<float> w; size_t N, K; };
void to_f32(const void* s, DType t, float* o, size_t n) { for (size_t i = 0; i < n; ++i) o[i] = plain::element(s, t, i); }
void from_f32(const float* s, void* o, DType t, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    if (t == DType::F32) static_cast<float*>(o)[i] = s[i];
    else if (t == DType::F16) static_cast<uint16_t*>(o)[i] = plain::float_to_half(s[i]);
    else static_cast<uint16_t*>(o)[i] = plain::float_to_bf16(s[i]);
  }
}
static std::vector<float> all(const void* w, DType t, size_t n) { std::vector<float> v(n); to_f32(w, t, v.data(), n); return v; }
void linear(const float* x, const void* w, DType type, const float* bias, float* y, size_t T, size_t K, size_t N, bool bf16) {
  auto W = all(w, type, N * K);
  auto r = [&](float v) { return bf16 ? plain::round_bf16(v) : v; };
  parallel_for(N, 16, [&](size_t b, size_t e) {
    for (size_t t = 0; t < T; ++t) for (size_t n = b; n < e; ++n) {
      double s = 0;
      for (size_t k = 0; k < K; ++k) s += double(r(x[t * K + k])) * r(W[n * K + k]);
      y[t * N + n] = float(s + (bias ? bias[n] : 0));
    }
  });
}
void accumulate_gram(const float* x, float* g, size_t T, size_t K) {
  parallel_for(K, 16, [&](size_t b, size_t e) {
    for (size_t i = b; i < e; ++i) for (size_t j = 0; j < K; ++j) {
      double s = 0;
      for (size_t t = 0; t < T; ++t) s += double(x[t * K + i]) * x[t * K + j];
      g[i * K + j] += float(s);
    }
  });
}
Packed* pack(const uint8_t* c, const float* s, const uint8_t* z, const Grid& g, size_t N, size_t K) {
  auto* p = new Packed{std::vector<float>(N * K), N, K};
  dequantize(c, s, z, g, p->w.data(), N, K);
  return p;
}
void free_packed(Packed* p) { delete p; }
size_t packed_bytes(const Packed* p) { return p->w.size() * 4; }
void packed_linear(const Packed* p, const float* x, const float* b, float* y, size_t T) { linear(x, p->w.data(), DType::F32, b, y, T, p->K, p->N, false); }
void quantize(const void* w, DType type, const Grid& grid, const float* bounds, uint8_t* codes, float* scales, uint8_t* zeros, size_t N, size_t K) {
  auto W = all(w, type, N * K);
  for (size_t g = 0; g < N * K / grid.group; ++g) plain::quantize_group(&W[g * grid.group], grid, bounds ? bounds[g] : INFINITY, codes + g * grid.group, scales + g, zeros + g, grid.group);
}
void dequantize(const uint8_t* c, const float* s, const uint8_t* z, const Grid& grid, float* w, size_t N, size_t K) {
  for (size_t i = 0; i < N * K; ++i) w[i] = float(c[i] - z[i / grid.group]) * s[i / grid.group];
}
void fake_quantize(const void* w, DType type, const Grid& grid, const float* s, float* out, size_t N, size_t K) {
  auto W = all(w, type, N * K);
  for (size_t n = 0; n < N; ++n) plain::fake_row(&W[n * K], grid, s, out + n * K, K);
}
static double finite(double v) { return std::isfinite(v) ? v : INFINITY; }
void scale_losses(const void* w, DType type, const Moment& m, const Grid& grid, const float* cand, size_t C, double* losses, size_t N, size_t K) {
  auto W = all(w, type, N * K);
  parallel_for(C, 1, [&](size_t b, size_t e) {
    std::vector<float> d(K);
    for (size_t c = b; c < e; ++c) {
      double sum = 0;
      for (size_t n = 0; n < N; ++n) {
        plain::fake_row(&W[n * K], grid, cand + c * K, d.data(), K);
        for (size_t k = 0; k < K; ++k) d[k] = W[n * K + k] - d[k];
        sum += plain::energy(d.data(), m, 0, K, K);
      }
      losses[c] = finite(sum);
    }
  });
}
double quantization_loss(const void* w, DType type, const Moment& m, const Grid& grid, const uint8_t* codes, const float* scales, const uint8_t* zeros, size_t N, size_t K) {
  auto W = all(w, type, N * K);
  std::vector<float> q(N * K);
  dequantize(codes, scales, zeros, grid, q.data(), N, K);
  double sum = 0;
  for (size_t i = 0; i < N * K; ++i) W[i] -= q[i];
  for (size_t n = 0; n < N; ++n) sum += plain::energy(&W[n * K], m, 0, K, K);
  return finite(sum);
}
double output_energy(const void* w, DType type, const Moment& m, size_t N, size_t K) {
  auto W = all(w, type, N * K);
  double sum = 0;
  for (size_t n = 0; n < N; ++n) sum += plain::energy(&W[n * K], m, 0, K, K);
  return finite(sum);
}
void relative_magnitude(const void* w, DType type, uint32_t group, float* out, size_t N, size_t K) {
  auto W = all(w, type, N * K);
  std::vector<double> sum(K);
  for (size_t n = 0; n < N; ++n) for (size_t s = 0; s < K; s += group) {
    float a = 0;
    for (size_t i = 0; i < group; ++i) a = std::max(a, std::fabs(W[n * K + s + i]));
    for (size_t i = 0; i < group; ++i) sum[s + i] += std::fabs(W[n * K + s + i]) / (a + 1e-6f);
  }
  for (size_t k = 0; k < K; ++k) out[k] = float(sum[k] / double(N));
}
uint64_t clip_search(const void* w, DType type, const Moment& m, const Grid& grid, uint32_t steps, float shrink, float* bounds, size_t N, size_t K) {
  auto W = all(w, type, N * K);
  const size_t g = grid.group, G = K / g;
  uint64_t clipped = 0;
  std::vector<float> d(g);
  std::vector<uint8_t> codes(g);
  for (size_t i = 0; i < N * G; ++i) {
    const float* group = &W[i * g];
    float amax = 0, scale;
    uint8_t zero;
    for (size_t k = 0; k < g; ++k) amax = std::max(amax, std::fabs(group[k]));
    double best = INFINITY;
    bounds[i] = amax;
    bool clip = false;
    for (uint32_t step = 0; step < steps; ++step) {
      const float bound = amax * float(1.0 - step * double(shrink) / steps);
      plain::quantize_group(group, grid, bound, codes.data(), &scale, &zero, g);
      for (size_t k = 0; k < g; ++k) d[k] = group[k] - float(codes[k] - zero) * scale;
      const double error = plain::energy(d.data(), m, i % G * g, g, K);
      if (error < best) best = error, bounds[i] = bound, clip = step > 0;
    }
    clipped += clip;
  }
  return clipped;
}
void refine_scales(const void* const* w, const DType* types, const size_t* N, size_t weights, const float* gram, const Grid& grid, const float* factors, size_t F, const uint32_t* channel_of, float* s, double losses[2], size_t K) {
  const Moment m{false, gram, 0, 1};
  auto loss = [&](const std::vector<float>& c) {
    double sum = 0, one;
    for (size_t i = 0; i < weights; ++i) scale_losses(w[i], types[i], m, grid, c.data(), 1, &one, N[i], K), sum += one;
    return sum;
  };
  std::vector<float> now(s, s + K);
  double best = losses[0] = loss(now);
  const uint32_t channels = *std::max_element(channel_of, channel_of + K) + 1;
  for (uint32_t c = 0; c < channels; ++c) {
    std::vector<float> start = now;
    for (size_t f = 0; f < F; ++f) {
      std::vector<float> trial = start;
      for (size_t k = 0; k < K; ++k) if (channel_of[k] == c) trial[k] *= factors[f];
      const double l = loss(trial);
      if (l < best) best = l, now = trial;
    }
  }
  losses[1] = best;
  std::copy(now.begin(), now.end(), s);
}
void pack_int4(const uint8_t* codes, bool along_out, const uint8_t* order, uint32_t* words, size_t N, size_t K) {
  const size_t n8 = N / 8, k8 = K / 8;
  for (size_t i = 0; i < (along_out ? K * n8 : N * k8); ++i) {
    uint32_t word = 0;
    for (size_t b = 0; b < 8; ++b) {
      const size_t at = along_out ? ((i % n8) * 8 + order[b]) * K + i / n8 : (i / k8) * K + (i % k8) * 8 + order[b];
      word |= uint32_t(codes[at] & 15) << 4 * b;
    }
    words[i] = word;
  }
}
void unpack_int4(const uint32_t* words, bool along_out, const uint8_t* order, uint8_t* codes, size_t N, size_t K) {
  const size_t n8 = N / 8, k8 = K / 8;
  for (size_t i = 0; i < (along_out ? K * n8 : N * k8); ++i) for (size_t b = 0; b < 8; ++b) {
    const size_t at = along_out ? ((i % n8) * 8 + order[b]) * K + i / n8 : (i / k8) * K + (i % k8) * 8 + order[b];
    codes[at] = words[i] >> 4 * b & 15;
  }
}
void attention(const float* q, const float* k, const float* v, float* out, const AttentionShape& p) {
  const size_t d = p.head_dim;
  parallel_for(p.sequences * p.heads * p.queries, 16, [&](size_t b, size_t e) {
    std::vector<double> score(p.keys), sum(d);
    for (size_t i = b; i < e; ++i) {
      const size_t query = i % p.queries, head = i / p.queries % p.heads, seq = i / p.queries / p.heads;
      const size_t kv = head / (p.heads / p.kv_heads), pos = p.query_start + query;
      const size_t row = ((seq * p.queries + query) * p.heads + head) * d, end = std::min(pos + 1, p.keys);
      const size_t begin = p.window && pos + 1 > p.window ? pos + 1 - p.window : 0;
      double top = -INFINITY, total = 0;
      for (size_t j = begin; j < end; ++j) {
        score[j] = 0;
        for (size_t c = 0; c < d; ++c) score[j] += double(q[row + c]) * k[((seq * p.keys + j) * p.kv_heads + kv) * d + c];
        top = std::max(top, score[j] *= p.scale);
      }
      std::fill(sum.begin(), sum.end(), 0);
      for (size_t j = begin; j < end; ++j) {
        const double weight = std::exp(score[j] - top);
        total += weight;
        for (size_t c = 0; c < d; ++c) sum[c] += weight * v[((seq * p.keys + j) * p.kv_heads + kv) * d + c];
      }
      for (size_t c = 0; c < d; ++c) out[row + c] = total > 0 ? float(sum[c] / total) : 0;
    }
  });
}
}  // namespace salient
