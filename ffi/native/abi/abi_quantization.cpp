// Exported functions: rounding weights to a grid, measuring the error, searching, packing.

#include <cmath>
#include <cstring>

#include "checked.h"
#include "objects.h"

using namespace salient;

namespace {

constexpr uint32_t kMomentGram = 0;
constexpr uint32_t kMomentTokens = 1;

// The tensors of a quantized weight; their shapes agree with each other and with the grid.
struct Quantized {
  TensorRef codes, scales, zeros;
  Grid grid;
  size_t N, K;
};

Quantized quantized_at(uint32_t codes, uint32_t scales, uint32_t zeros, const uint32_t* numbers) {
  Quantized all;
  all.codes = matrix_at(codes, "codes", DType::U8);
  all.N = all.codes->rows();
  all.K = all.codes->columns();
  all.grid = checked_grid(numbers, all.K);
  all.scales = tensor_at(scales, "scales", DType::F32);
  all.zeros = tensor_at(zeros, "zeros", DType::U8);
  check_shape(*all.scales, "scales", all.N, all.K / all.grid.group);
  check_shape(*all.zeros, "zeros", all.N, all.K / all.grid.group);
  return all;
}

// Keeps the tensor alive beside what the kernels take.
struct HeldMoment {
  TensorRef data;
  Moment moment;
};

HeldMoment moment_at(uint32_t handle, uint32_t kind, double weight, size_t K) {
  if (kind != kMomentGram && kind != kMomentTokens) fail(SALIENT_INVALID, "Unknown moment %u", kind);
  HeldMoment held;
  held.data = matrix_at(handle, kind == kMomentGram ? "gram" : "sample", DType::F32, K);
  if (kind == kMomentGram) check_shape(*held.data, "gram", K, K);
  if (kind == kMomentTokens && !std::isfinite(weight)) fail(SALIENT_INVALID, "The sample's weight is not finite");
  held.moment.tokens = kind == kMomentTokens;
  held.moment.data = held.data->f32();
  held.moment.rows = held.data->rows();
  held.moment.weight = kind == kMomentTokens ? weight : 1;
  return held;
}

}  // namespace

int32_t salient_quantize(uint32_t w_handle, const uint32_t* numbers, uint32_t bounds_handle, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handles");
    const TensorRef w = weight_at(w_handle);
    const Grid grid = checked_grid(numbers, w->columns());
    const uint32_t groups = w->shape[1] / grid.group;
    TensorRef bounds;
    if (bounds_handle != 0) {
      bounds = tensor_at(bounds_handle, "bounds", DType::F32);
      check_shape(*bounds, "bounds", w->rows(), groups);
    }
    const TensorRef codes = new_tensor(DType::U8, w->shape);
    const TensorRef scales = new_tensor(DType::F32, {w->shape[0], groups});
    const TensorRef zeros = new_tensor(DType::U8, {w->shape[0], groups});
    quantize(w->data, w->dtype, grid, bounds == nullptr ? nullptr : bounds->f32(), codes->data, scales->f32(),
             zeros->data, w->rows(), w->columns());
    out[0] = publish(codes);
    out[1] = publish(scales);
    out[2] = publish(zeros);
  });
}

int32_t salient_dequantize(uint32_t codes, uint32_t scales, uint32_t zeros, const uint32_t* numbers,
                           uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    const Quantized q = quantized_at(codes, scales, zeros, numbers);
    const TensorRef result = new_tensor(DType::F32, q.codes->shape);
    dequantize(q.codes->data, q.scales->f32(), q.zeros->data, q.grid, result->f32(), q.N, q.K);
    out[0] = publish(result);
  });
}

int32_t salient_fake_quantize(uint32_t w_handle, const uint32_t* numbers, const float* s, uint32_t count,
                              uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    const TensorRef w = weight_at(w_handle);
    const Grid grid = checked_grid(numbers, w->columns());
    if (count != 0) {
      check_buffer(s, "the factors");
      if (count != w->columns()) {
        fail(SALIENT_INVALID, "%u factors were given for %zu columns", count, w->columns());
      }
    }
    const TensorRef result = new_tensor(DType::F32, w->shape);
    fake_quantize(w->data, w->dtype, grid, count == 0 ? nullptr : s, result->f32(), w->rows(), w->columns());
    out[0] = publish(result);
  });
}

int32_t salient_scale_losses(uint32_t w_handle, uint32_t moment, uint32_t moment_kind, const double* reals,
                             const uint32_t* numbers, uint32_t candidates_handle, double* losses, uint32_t count) {
  return guard([&] {
    check_buffer(reals, "the moment's weight");
    check_buffer(losses, "the losses");
    const TensorRef w = weight_at(w_handle);
    const size_t K = w->columns();
    const Grid grid = checked_grid(numbers, K);
    const HeldMoment held = moment_at(moment, moment_kind, reals[0], K);
    const TensorRef candidates = matrix_at(candidates_handle, "candidates", DType::F32, K);
    if (candidates->rows() != count) {
      fail(SALIENT_INVALID, "There are %zu candidates, not %u", candidates->rows(), count);
    }
    if (count == 0) return;
    scale_losses(w->data, w->dtype, held.moment, grid, candidates->f32(), count, losses, w->rows(), K);
  });
}

int32_t salient_scale_gradient(uint32_t w_handle, uint32_t moment, uint32_t moment_kind, const double* reals,
                               const uint32_t* numbers, const float* s, double* gradient, uint32_t count,
                               double* losses) {
  return guard([&] {
    check_buffer(reals, "the moment's weight");
    check_buffer(s, "the scales");
    check_buffer(gradient, "the gradient");
    check_buffer(losses, "the loss");
    const TensorRef w = weight_at(w_handle);
    const size_t K = w->columns();
    const Grid grid = checked_grid(numbers, K);
    const HeldMoment held = moment_at(moment, moment_kind, reals[0], K);
    if (count != K) fail(SALIENT_INVALID, "There are %zu scales, not %u", K, count);
    for (size_t k = 0; k < K; k++) {
      if (!(s[k] > 0) || !std::isfinite(s[k])) fail(SALIENT_INVALID, "Scale %zu is not positive and finite", k);
    }
    losses[0] = scale_gradient(w->data, w->dtype, held.moment, grid, s, gradient, w->rows(), K);
  });
}

int32_t salient_quantization_loss(uint32_t w_handle, uint32_t moment, uint32_t moment_kind, const double* reals,
                                  const uint32_t* numbers, uint32_t codes, uint32_t scales, uint32_t zeros,
                                  double* losses) {
  return guard([&] {
    check_buffer(reals, "the moment's weight");
    check_buffer(losses, "the loss");
    const TensorRef w = weight_at(w_handle);
    const Quantized q = quantized_at(codes, scales, zeros, numbers);
    check_shape(*w, "weight", q.N, q.K);
    const HeldMoment held = moment_at(moment, moment_kind, reals[0], q.K);
    losses[0] = quantization_loss(w->data, w->dtype, held.moment, q.grid, q.codes->data, q.scales->f32(),
                                  q.zeros->data, q.N, q.K);
  });
}

int32_t salient_output_energy(uint32_t w_handle, uint32_t moment, uint32_t moment_kind, const double* reals,
                              double* losses) {
  return guard([&] {
    check_buffer(reals, "the moment's weight");
    check_buffer(losses, "the energy");
    const TensorRef w = weight_at(w_handle);
    const HeldMoment held = moment_at(moment, moment_kind, reals[0], w->columns());
    losses[0] = output_energy(w->data, w->dtype, held.moment, w->rows(), w->columns());
  });
}

int32_t salient_relative_magnitude(uint32_t w_handle, uint32_t group, float* means, uint32_t count) {
  return guard([&] {
    check_buffer(means, "the means");
    const TensorRef w = weight_at(w_handle);
    const size_t K = w->columns();
    if (group == 0 || K % group != 0) fail(SALIENT_INVALID, "Group size %u does not divide %zu inputs", group, K);
    if (count != K) fail(SALIENT_INVALID, "There are %zu means, not %u", K, count);
    relative_magnitude(w->data, w->dtype, group, means, w->rows(), K);
  });
}

int32_t salient_clip_search(uint32_t w_handle, uint32_t moment, uint32_t moment_kind, const double* reals,
                            const uint32_t* numbers, uint32_t steps, uint32_t* out, double* clipped) {
  return guard([&] {
    check_buffer(reals, "the moment's weight and the largest shrink");
    check_buffer(out, "the handle");
    check_buffer(clipped, "the count");
    const TensorRef w = weight_at(w_handle);
    const size_t K = w->columns();
    const Grid grid = checked_grid(numbers, K);
    const HeldMoment held = moment_at(moment, moment_kind, reals[0], K);
    if (steps == 0 || steps > 100000) fail(SALIENT_INVALID, "Steps must be 1 to 100000 but are %u", steps);
    if (!(reals[1] >= 0 && reals[1] <= 1)) fail(SALIENT_INVALID, "The largest shrink must be 0 to 1");
    const TensorRef bounds = new_tensor(DType::F32, {w->shape[0], w->shape[1] / grid.group});
    clipped[0] = static_cast<double>(clip_search(w->data, w->dtype, held.moment, grid, steps,
                                                 static_cast<float>(reals[1]), bounds->f32(), w->rows(), K));
    out[0] = publish(bounds);
  });
}

int32_t salient_search_ranges(uint32_t w_handle, uint32_t moment, uint32_t moment_kind, const double* reals,
                              const uint32_t* numbers, uint32_t steps, uint32_t sweeps, uint32_t* out,
                              double* clipped) {
  return guard([&] {
    check_buffer(reals, "the moment's weight and the largest shrink");
    check_buffer(out, "the handles");
    check_buffer(clipped, "the count");
    const TensorRef w = weight_at(w_handle);
    const size_t K = w->columns();
    const Grid grid = checked_grid(numbers, K);
    const HeldMoment held = moment_at(moment, moment_kind, reals[0], K);
    if (steps == 0 || steps > 100000) fail(SALIENT_INVALID, "Steps must be 1 to 100000 but are %u", steps);
    if (sweeps == 0 || sweeps > 1000) fail(SALIENT_INVALID, "Sweeps must be 1 to 1000 but are %u", sweeps);
    if (!(reals[1] >= 0 && reals[1] <= 1)) fail(SALIENT_INVALID, "The largest shrink must be 0 to 1");
    const uint32_t groups = w->shape[1] / grid.group;
    const TensorRef codes = new_tensor(DType::U8, w->shape);
    const TensorRef scales = new_tensor(DType::F32, {w->shape[0], groups});
    const TensorRef zeros = new_tensor(DType::U8, {w->shape[0], groups});
    clipped[0] = static_cast<double>(search_ranges(w->data, w->dtype, held.moment, grid, steps,
                                                   static_cast<float>(reals[1]), sweeps, codes->data,
                                                   scales->f32(), zeros->data, w->rows(), K));
    out[0] = publish(codes);
    out[1] = publish(scales);
    out[2] = publish(zeros);
  });
}

int32_t salient_refine_scales(const uint32_t* handles, uint32_t weight_count, uint32_t gram_handle,
                              const uint32_t* numbers, const float* factors, uint32_t factor_count,
                              const uint32_t* channel_of, float* s, uint32_t count, double* losses) {
  return guard([&] {
    check_buffer(handles, "the weights");
    check_buffer(factors, "the factors");
    check_buffer(channel_of, "the channels");
    check_buffer(s, "the scales");
    check_buffer(losses, "the losses");
    if (weight_count == 0 || weight_count > 1024) fail(SALIENT_INVALID, "Between 1 and 1024 weights are refined");
    if (factor_count == 0) fail(SALIENT_INVALID, "No factors were given");
    const size_t K = count;
    const Grid grid = checked_grid(numbers, K);
    const TensorRef gram = tensor_at(gram_handle, "gram", DType::F32);
    check_shape(*gram, "gram", K, K);
    for (size_t k = 0; k < K; k++) {
      if (channel_of[k] >= K) fail(SALIENT_INVALID, "Channel %u is outside %zu inputs", channel_of[k], K);
      if (!(s[k] > 0) || !std::isfinite(s[k])) fail(SALIENT_INVALID, "Scale %zu is not positive and finite", k);
    }
    for (size_t f = 0; f < factor_count; f++) {
      if (!(factors[f] > 0) || !std::isfinite(factors[f])) {
        fail(SALIENT_INVALID, "Factor %zu is not positive and finite", f);
      }
    }
    std::vector<TensorRef> held;
    std::vector<const void*> data;
    std::vector<DType> types;
    std::vector<size_t> rows;
    for (uint32_t i = 0; i < weight_count; i++) {
      held.push_back(weight_at(handles[i]));
      const Tensor& w = *held.back();
      if (w.columns() != K) fail(SALIENT_INVALID, "Weight %u has %zu inputs, not %zu", i, w.columns(), K);
      data.push_back(w.data);
      types.push_back(w.dtype);
      rows.push_back(w.rows());
    }
    refine_scales(data.data(), types.data(), rows.data(), weight_count, gram->f32(), grid, factors, factor_count,
                  channel_of, s, losses, K);
  });
}

// ---------------------------------------------------------------------------------------------------
// Packing

namespace {

void check_order(const uint8_t* order) {
  check_buffer(order, "the order");
  uint32_t seen = 0;
  for (size_t i = 0; i < 8; i++) seen |= order[i] < 8 ? 1u << order[i] : 0;
  if (seen != 255) fail(SALIENT_INVALID, "The order must hold each of 0 to 7 once");
}

}  // namespace

int32_t salient_pack_int4(uint32_t codes_handle, uint32_t along_out, const uint8_t* order, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    check_order(order);
    const TensorRef codes = matrix_at(codes_handle, "codes", DType::U8);
    const uint32_t N = codes->shape[0], K = codes->shape[1];
    const bool along = along_out != 0;
    if ((along ? N : K) % 8 != 0) fail(SALIENT_INVALID, "8 does not divide %u", along ? N : K);
    const TensorRef words = along ? new_tensor(DType::I32, {K, N / 8}) : new_tensor(DType::I32, {N, K / 8});
    if (words->size > 0) {
      pack_int4(codes->data, along, order, reinterpret_cast<uint32_t*>(words->data), N, K);
    }
    out[0] = publish(words);
  });
}

int32_t salient_unpack_int4(uint32_t words_handle, uint32_t along_out, const uint8_t* order, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    check_order(order);
    const TensorRef words = matrix_at(words_handle, "words", DType::I32);
    const bool along = along_out != 0;
    if (words->shape[1] > UINT32_MAX / 8) fail(SALIENT_INVALID, "The words are too many");
    const uint32_t wide = words->shape[1] * 8;
    const uint32_t N = along ? wide : words->shape[0];
    const uint32_t K = along ? words->shape[0] : wide;
    const TensorRef codes = new_tensor(DType::U8, {N, K});
    if (codes->size > 0) {
      unpack_int4(reinterpret_cast<const uint32_t*>(words->data), along, order, codes->data, N, K);
    }
    out[0] = publish(codes);
  });
}

int32_t salient_pack(uint32_t codes, uint32_t scales, uint32_t zeros, const uint32_t* numbers, uint32_t* out,
                     double* reals) {
  return guard([&] {
    check_buffer(out, "the handle");
    check_buffer(reals, "the size");
    const Quantized q = quantized_at(codes, scales, zeros, numbers);
    if (q.N == 0) fail(SALIENT_INVALID, "The weight is empty");
    // Codes beyond the grid would be cut to four bits, so they are refused rather than changed.
    const uint8_t most = static_cast<uint8_t>((1u << q.grid.bits) - 1), found = largest_code(q.codes->data, q.codes->size);
    if (found > most) fail(SALIENT_INVALID, "Code %u is above %u", found, most);
    Packed* packed = pack(q.codes->data, q.scales->f32(), q.zeros->data, q.grid, q.N, q.K);
    std::shared_ptr<PackedWeight> weight;
    try {
      weight = std::make_shared<PackedWeight>(packed, q.N, q.K);
    } catch (...) {
      free_packed(packed);
      throw;
    }
    reals[0] = static_cast<double>(weight->bytes);
    out[0] = publish(std::move(weight));
  });
}
