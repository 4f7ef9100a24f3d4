// Exported functions: passes over rows that families beside Llama's need.

#include <cmath>

#include "checked.h"

using namespace salient;

namespace {

// A vector [length] of any float type; null for handle 0.
TensorRef float_vector_at(uint32_t handle, const char* what, size_t length) {
  if (handle == 0) return nullptr;
  TensorRef vector = tensor_at(handle, what);
  if (!is_float(vector->dtype) || vector->shape.size() != 1 || vector->size != length) {
    fail(SALIENT_INVALID, "The %s must be a vector of %zu of a float type but is %s %s", what, length,
         dtype_name(vector->dtype), shape_text(vector->shape).c_str());
  }
  return vector;
}

}  // namespace

int32_t salient_layer_norm(uint32_t x_handle, uint32_t weight_handle, uint32_t bias_handle, const double* reals,
                           uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    check_buffer(reals, "eps");
    const TensorRef x = tensor_at(x_handle, "x", DType::F32);
    const size_t H = x->shape.empty() ? 0 : x->columns();
    if (H == 0) fail(SALIENT_INVALID, "x, %s, has no channels", shape_text(x->shape).c_str());
    const TensorRef weight = float_vector_at(weight_handle, "weight", H);
    const TensorRef bias = float_vector_at(bias_handle, "bias", H);
    if (!(reals[0] >= 0) || !std::isfinite(reals[0])) {
      fail(SALIENT_INVALID, "eps must be finite and not negative");
    }
    const TensorRef result = new_tensor(DType::F32, x->shape);
    layer_norm(x->f32(), weight == nullptr ? nullptr : weight->data, weight == nullptr ? DType::F32 : weight->dtype,
               bias == nullptr ? nullptr : bias->data, bias == nullptr ? DType::F32 : bias->dtype, result->f32(),
               x->size / H, H, reals[0]);
    out[0] = publish(result);
  });
}

int32_t salient_activate(uint32_t x_handle, uint32_t activation) {
  return guard([&] {
    const Activation function = checked_activation(activation);
    const TensorRef x = tensor_at(x_handle, "x", DType::F32);
    check_writable(*x, "x");
    activate(x->f32(), x->size, function);
  });
}

int32_t salient_softcap(uint32_t x_handle, const double* reals) {
  return guard([&] {
    check_buffer(reals, "the cap");
    const float cap = static_cast<float>(reals[0]);
    if (!(cap > 0) || !std::isfinite(cap)) fail(SALIENT_INVALID, "The cap must be finite and above 0");
    const TensorRef x = tensor_at(x_handle, "x", DType::F32);
    check_writable(*x, "x");
    softcap(x->f32(), x->size, cap);
  });
}

int32_t salient_select_columns(uint32_t x_handle, const int32_t* columns, uint32_t count, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    const TensorRef x = matrix_at(x_handle, "x", DType::F32);
    if (count > 0) check_buffer(columns, "the columns");
    for (uint32_t j = 0; j < count; j++) {
      if (columns[j] < -1 || (columns[j] >= 0 && static_cast<uint32_t>(columns[j]) >= x->shape[1])) {
        fail(SALIENT_INVALID, "Column %d is outside the %u of x", columns[j], x->shape[1]);
      }
    }
    const TensorRef result = new_tensor(DType::F32, {x->shape[0], count});
    if (result->size > 0) select_columns(x->f32(), columns, result->f32(), x->rows(), x->columns(), count);
    out[0] = publish(result);
  });
}

int32_t salient_add_rows(uint32_t target_handle, uint32_t source_handle, const int32_t* rows, const float* weights,
                         uint32_t count) {
  return guard([&] {
    const TensorRef target = matrix_at(target_handle, "target", DType::F32);
    const size_t K = target->columns();
    const TensorRef source = matrix_at(source_handle, "source", DType::F32);
    check_shape(*source, "source", count, K);
    check_writable(*target, "target");
    if (count == 0) return;
    check_buffer(rows, "the rows");
    check_buffer(weights, "the weights");
    for (uint32_t i = 0; i < count; i++) {
      if (rows[i] < 0 || static_cast<uint32_t>(rows[i]) >= target->shape[0]) {
        fail(SALIENT_INVALID, "Row %d is outside the target's %u", rows[i], target->shape[0]);
      }
    }
    if (K > 0) add_rows(target->f32(), source->f32(), rows, weights, count, K);
  });
}
