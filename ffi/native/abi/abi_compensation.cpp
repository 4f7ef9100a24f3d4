// Exported functions: the factor of a Gram, and rounding with error compensation.

#include <cmath>

#include "checked.h"
#include "objects.h"

using namespace salient;

int32_t salient_factor_gram(uint32_t gram_handle, const uint32_t* numbers, double* reals, uint32_t* out) {
  return guard([&] {
    check_buffer(numbers, "the order");
    check_buffer(reals, "the damping");
    check_buffer(out, "the handle");
    const TensorRef gram = matrix_at(gram_handle, "gram", DType::F32);
    const size_t K = gram->columns();
    check_shape(*gram, "gram", K, K);
    if (K == 0) fail(SALIENT_INVALID, "The Gram is empty");
    if (numbers[0] > 2) fail(SALIENT_INVALID, "Unknown order %u", numbers[0]);
    const auto order = static_cast<Order>(numbers[0]);
    const uint32_t group = order == Order::Groups ? numbers[1] : 1, tries = numbers[2];
    if (group == 0 || K % group != 0) fail(SALIENT_INVALID, "Group size %u does not divide %zu inputs", group, K);
    if (tries == 0 || tries > 100) fail(SALIENT_INVALID, "Tries must be 1 to 100 but are %u", tries);
    if (!(reals[0] >= 0) || !std::isfinite(reals[0])) fail(SALIENT_INVALID, "The damping must be 0 or more");
    bool finite = true;
    Factor* factor = factor_gram(gram->f32(), K, order, group, reals[0], tries, &finite);
    if (!finite) fail(SALIENT_INVALID, "The Gram holds NaN or infinite values");
    out[0] = 0;
    if (factor == nullptr) return;
    std::shared_ptr<GramFactor> object;
    try {
      object = std::make_shared<GramFactor>(factor);
    } catch (...) {
      free_factor(factor);
      throw;
    }
    reals[0] = factor_damping(factor);
    reals[1] = static_cast<double>(factor_bytes(factor));
    out[0] = publish(std::move(object));
  });
}

int32_t salient_compensate(uint32_t w_handle, uint32_t factor_handle, const uint32_t* numbers, uint32_t dynamic,
                           uint32_t scales_handle, uint32_t zeros_handle, uint32_t* out, double* losses) {
  return guard([&] {
    check_buffer(out, "the handles");
    check_buffer(losses, "the loss");
    const TensorRef w = weight_at(w_handle);
    const Grid grid = checked_grid(numbers, w->columns());
    const std::shared_ptr<Object> object = find(factor_handle);
    if (object == nullptr || object->kind != Kind::Factor) fail(SALIENT_INVALID, "No factor has this handle");
    const Factor& factor = *static_cast<const GramFactor&>(*object).factor;
    const size_t K = w->columns();
    if (factor_inputs(&factor) != K) fail(SALIENT_INVALID, "The factor is not one of %zu inputs", K);
    const uint32_t groups = w->shape[1] / grid.group;
    if (dynamic != 0 && groups > 1) {
      if (kCompensatedGroup % grid.group != 0) {
        fail(SALIENT_INVALID, "Dynamic groups of %u do not divide %u", grid.group, kCompensatedGroup);
      }
      if (!keeps_groups(&factor, grid.group)) fail(SALIENT_INVALID, "The factor's order takes groups apart");
    }
    const TensorRef codes = new_tensor(DType::U8, w->shape);
    const TensorRef scales = new_tensor(DType::F32, {w->shape[0], groups});
    const TensorRef zeros = new_tensor(DType::U8, {w->shape[0], groups});
    TensorRef given_scales, given_zeros;
    if (scales_handle != 0) {
      given_scales = tensor_at(scales_handle, "scales", DType::F32);
      given_zeros = tensor_at(zeros_handle, "zeros", DType::U8);
      check_shape(*given_scales, "scales", w->rows(), groups);
      check_shape(*given_zeros, "zeros", w->rows(), groups);
    }
    losses[0] = compensate(w->data, w->dtype, factor, grid, dynamic != 0,
                           given_scales == nullptr ? nullptr : given_scales->f32(),
                           given_zeros == nullptr ? nullptr : given_zeros->data, codes->data, scales->f32(),
                           zeros->data, w->rows());
    if (std::isnan(losses[0])) fail(SALIENT_INVALID, "The weight holds NaN or infinite values");
    out[0] = publish(codes);
    out[1] = publish(scales);
    out[2] = publish(zeros);
  });
}
