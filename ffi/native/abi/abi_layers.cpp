// Exported functions: what a forward pass and its statistics are made of.

#include <cmath>
#include <cstring>

#include "checked.h"
#include "elementwise.h"

using namespace salient;

namespace {

// A vector [length] of fp32.
TensorRef vector_at(uint32_t handle, const char* what, size_t length) {
  TensorRef vector = tensor_at(handle, what, DType::F32);
  if (vector->shape.size() != 1 || vector->size != length) {
    fail(SALIENT_INVALID, "The %s must have the shape [%zu] but has %s", what, length,
         shape_text(vector->shape).c_str());
  }
  return vector;
}

void check_same_shape(const Tensor& a, const Tensor& b, const char* what) {
  if (a.shape != b.shape) {
    fail(SALIENT_INVALID, "The %s must have one shape but have %s and %s", what, shape_text(a.shape).c_str(),
         shape_text(b.shape).c_str());
  }
}

uint32_t length_of(size_t length) {
  if (length > UINT32_MAX) fail(SALIENT_INVALID, "A size of %zu is too large", length);
  return static_cast<uint32_t>(length);
}

}  // namespace

int32_t salient_linear(uint32_t x_handle, uint32_t weight_handle, uint32_t bias_handle, uint32_t bf16,
                       uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    const std::shared_ptr<Object> object = find(weight_handle);
    const auto packed = object != nullptr && object->kind == Kind::Packed
                            ? std::static_pointer_cast<PackedWeight>(object)
                            : nullptr;
    const TensorRef weight = packed == nullptr ? float_matrix_at(weight_handle, "weight") : nullptr;
    const size_t K = packed != nullptr ? packed->K : weight->columns();
    const size_t N = packed != nullptr ? packed->N : weight->rows();
    const TensorRef x = matrix_at(x_handle, "x", DType::F32, K);
    const TensorRef bias = bias_handle == 0 ? nullptr : vector_at(bias_handle, "bias", N);
    const float* b = bias == nullptr ? nullptr : bias->f32();
    const size_t T = x->rows();
    const TensorRef y = new_tensor(DType::F32, {length_of(T), length_of(N)});
    if (y->size > 0) {
      if (packed != nullptr) {
        packed_linear(packed->packed, x->f32(), b, y->f32(), T);
      } else {
        linear(x->f32(), weight->data, weight->dtype, b, y->f32(), T, K, N, bf16 != 0);
      }
    }
    out[0] = publish(y);
  });
}

int32_t salient_linear_rounded(uint32_t x_handle, uint32_t weight_handle, uint32_t bias_handle, uint32_t bits,
                               const double* reals, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    check_buffer(reals, "the scale");
    if (bits < 2 || bits > 8) fail(SALIENT_INVALID, "Bits of inputs must be 2 to 8 but are %u", bits);
    const float scale = static_cast<float>(reals[0]);
    if (!(scale >= 0) || !std::isfinite(scale) || (scale == 0 && reals[0] != 0)) {
      fail(SALIENT_INVALID, "The scale of inputs must be finite and above 0, or 0 for one for each row");
    }
    const std::shared_ptr<Object> object = find(weight_handle);
    const auto packed = object != nullptr && object->kind == Kind::Packed
                            ? std::static_pointer_cast<PackedWeight>(object)
                            : nullptr;
    const TensorRef weight = packed == nullptr ? float_matrix_at(weight_handle, "weight") : nullptr;
    const size_t K = packed != nullptr ? packed->K : weight->columns();
    const size_t N = packed != nullptr ? packed->N : weight->rows();
    const TensorRef x = matrix_at(x_handle, "x", DType::F32, K);
    const TensorRef bias = bias_handle == 0 ? nullptr : vector_at(bias_handle, "bias", N);
    const float* b = bias == nullptr ? nullptr : bias->f32();
    const size_t T = x->rows();
    const TensorRef y = new_tensor(DType::F32, {length_of(T), length_of(N)});
    if (y->size > 0 && packed != nullptr) {
      packed_linear_rounded(packed->packed, x->f32(), b, y->f32(), T, bits, scale);
    } else if (y->size > 0) {
      const TensorRef rounded = new_tensor(DType::F32, x->shape);
      round_inputs(x->f32(), rounded->f32(), T, K, bits, scale);
      linear(rounded->f32(), weight->data, weight->dtype, b, y->f32(), T, K, N, false);
    }
    out[0] = publish(y);
  });
}

int32_t salient_embed(uint32_t table_handle, const int32_t* ids, uint32_t count, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    const TensorRef table = float_matrix_at(table_handle, "table");
    if (count > 0) check_buffer(ids, "the ids");
    for (uint32_t i = 0; i < count; i++) {
      if (ids[i] < 0 || static_cast<uint32_t>(ids[i]) >= table->shape[0]) {
        fail(SALIENT_INVALID, "Id %d is outside the table's %u rows", ids[i], table->shape[0]);
      }
    }
    const TensorRef result = new_tensor(DType::F32, {count, table->shape[1]});
    embed(table->data, table->dtype, ids, result->f32(), count, table->rows(), table->columns());
    out[0] = publish(result);
  });
}

int32_t salient_rms_norm(uint32_t x_handle, uint32_t weight_handle, const double* reals, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    check_buffer(reals, "eps and offset");
    const TensorRef weight = tensor_at(weight_handle, "weight");
    const TensorRef x = tensor_at(x_handle, "x", DType::F32);
    if (!is_float(weight->dtype) || weight->shape.size() != 1 || weight->size == 0) {
      fail(SALIENT_INVALID, "The weight must be a vector of a float type but is %s %s", dtype_name(weight->dtype),
           shape_text(weight->shape).c_str());
    }
    // A row of x may hold several vectors, as the heads that a norm of queries or keys runs over.
    const size_t H = weight->size;
    if (x->shape.empty() || x->columns() != H) {
      fail(SALIENT_INVALID, "The last axis of x, %s, must be the weight's %zu", shape_text(x->shape).c_str(), H);
    }
    if (!(reals[0] >= 0) || !std::isfinite(reals[0]) || !std::isfinite(reals[1])) {
      fail(SALIENT_INVALID, "eps must not be negative, eps and offset must be finite");
    }
    const TensorRef result = new_tensor(DType::F32, x->shape);
    rms_norm(x->f32(), weight->data, weight->dtype, result->f32(), x->size / H, H, reals[0], reals[1]);
    out[0] = publish(result);
  });
}

int32_t salient_rope(uint32_t x_handle, uint32_t table_handle, const uint32_t* numbers) {
  return guard([&] {
    check_buffer(numbers, "the shape");
    const size_t heads = numbers[0], head_dim = numbers[1], sequences = numbers[2], start = numbers[3];
    const bool interleaved = numbers[4] != 0;
    const TensorRef x = matrix_at(x_handle, "x", DType::F32);
    const TensorRef table = matrix_at(table_handle, "table", DType::F32);
    check_writable(*x, "x");
    const size_t R = table->columns();
    if (heads * head_dim != x->columns()) {
      fail(SALIENT_INVALID, "%zu heads of %zu are not the %zu columns of x", heads, head_dim, x->columns());
    }
    if (R % 2 != 0 || R > head_dim) {
      fail(SALIENT_INVALID, "The table's %zu columns must be even and at most %zu", R, head_dim);
    }
    if (sequences == 0 || x->rows() % sequences != 0) {
      fail(SALIENT_INVALID, "%zu rows are not %zu sequences of one length", x->rows(), sequences);
    }
    if (start + x->rows() / sequences > table->rows()) {
      fail(SALIENT_INVALID, "Positions %zu to %zu are beyond the table's %zu", start,
           start + x->rows() / sequences, table->rows());
    }
    if (x->size > 0) {
      rope(x->f32(), table->f32(), table->rows(), x->rows(), heads, head_dim, sequences, start, R, interleaved);
    }
  });
}

int32_t salient_attention(uint32_t q_handle, uint32_t k_handle, uint32_t v_handle, const uint32_t* numbers,
                          const double* reals, const float* slopes, uint32_t slope_count, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    check_buffer(numbers, "the shape");
    check_buffer(reals, "the scale and the softcap");
    AttentionShape shape{};
    shape.heads = numbers[0];
    shape.kv_heads = numbers[1];
    shape.head_dim = numbers[2];
    shape.sequences = numbers[3];
    shape.window = numbers[4];
    shape.query_start = numbers[5];
    shape.scale = static_cast<float>(reals[0]);
    shape.softcap = static_cast<float>(reals[1]);
    if (shape.heads == 0 || shape.kv_heads == 0 || shape.head_dim == 0 || shape.sequences == 0) {
      fail(SALIENT_INVALID, "Heads, head channels and sequences must be at least 1");
    }
    if (!(shape.softcap >= 0) || !std::isfinite(shape.softcap)) {
      fail(SALIENT_INVALID, "The softcap must be finite and above 0, or 0 for none");
    }
    if (slope_count != 0) {
      check_buffer(slopes, "the slopes");
      if (slope_count != shape.heads) {
        fail(SALIENT_INVALID, "%u slopes were given for %zu heads", slope_count, shape.heads);
      }
      shape.slopes = slopes;
    }
    if (shape.heads % shape.kv_heads != 0) {
      fail(SALIENT_INVALID, "%zu key heads do not divide %zu heads", shape.kv_heads, shape.heads);
    }
    const TensorRef q = matrix_at(q_handle, "q", DType::F32, shape.heads * shape.head_dim);
    const TensorRef k = matrix_at(k_handle, "k", DType::F32, shape.kv_heads * shape.head_dim);
    const TensorRef v = matrix_at(v_handle, "v", DType::F32, shape.kv_heads * shape.head_dim);
    check_same_shape(*k, *v, "keys and values");
    if (q->rows() % shape.sequences != 0 || k->rows() % shape.sequences != 0) {
      fail(SALIENT_INVALID, "%zu queries and %zu keys are not %zu sequences of one length", q->rows(), k->rows(),
           shape.sequences);
    }
    shape.queries = q->rows() / shape.sequences;
    shape.keys = k->rows() / shape.sequences;
    shape.capacity = shape.keys;
    if (numbers[6] != 0) {
      if (shape.sequences != 1) fail(SALIENT_INVALID, "A key length is for one sequence");
      if (numbers[6] > shape.keys) fail(SALIENT_INVALID, "%u keys are not in %zu rows", numbers[6], shape.keys);
      shape.keys = numbers[6];
    }
    if (shape.query_start + shape.queries > shape.keys) {
      fail(SALIENT_INVALID, "Queries %zu to %zu have no keys: there are %zu", shape.query_start,
           shape.query_start + shape.queries, shape.keys);
    }
    const TensorRef result = new_tensor(DType::F32, q->shape);
    if (result->size > 0) attention(q->f32(), k->f32(), v->f32(), result->f32(), shape);
    out[0] = publish(result);
  });
}

int32_t salient_gated_activation(uint32_t gate_handle, uint32_t up_handle, uint32_t activation, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    const Activation function = checked_activation(activation);
    const TensorRef gate = tensor_at(gate_handle, "gate", DType::F32);
    const TensorRef up = tensor_at(up_handle, "up", DType::F32);
    check_same_shape(*gate, *up, "gate and up");
    const TensorRef result = new_tensor(DType::F32, gate->shape);
    gated_activation(gate->f32(), up->f32(), result->f32(), gate->size, function);
    out[0] = publish(result);
  });
}

int32_t salient_add_in_place(uint32_t x_handle, uint32_t y_handle) {
  return guard([&] {
    const TensorRef x = tensor_at(x_handle, "x", DType::F32);
    const TensorRef y = tensor_at(y_handle, "y", DType::F32);
    check_same_shape(*x, *y, "x and y");
    check_writable(*x, "x");
    add_in_place(x->f32(), y->f32(), x->size);
  });
}

int32_t salient_negative_log_likelihood(uint32_t logits_handle, const int32_t* targets, uint32_t count,
                                        double* losses) {
  return guard([&] {
    const TensorRef logits = matrix_at(logits_handle, "logits", DType::F32);
    if (count != logits->rows()) {
      fail(SALIENT_INVALID, "%u targets were given for %zu rows", count, logits->rows());
    }
    if (count == 0) return;
    check_buffer(targets, "the targets");
    check_buffer(losses, "the losses");
    for (uint32_t t = 0; t < count; t++) {
      if (targets[t] < -1 || (targets[t] >= 0 && static_cast<uint32_t>(targets[t]) >= logits->shape[1])) {
        fail(SALIENT_INVALID, "Target %d is outside the %u logits", targets[t], logits->shape[1]);
      }
    }
    negative_log_likelihood(logits->f32(), targets, losses, count, logits->columns());
  });
}

// ---------------------------------------------------------------------------------------------------
// Statistics

int32_t salient_accumulate_abs(uint32_t x_handle, uint32_t sum_handle, uint32_t max_handle) {
  return guard([&] {
    const TensorRef x = matrix_at(x_handle, "x", DType::F32);
    const TensorRef sum = tensor_at(sum_handle, "sum", DType::F64);
    if (sum->shape.size() != 1 || sum->size != x->columns()) {
      fail(SALIENT_INVALID, "The sum must have the shape [%zu] but has %s", x->columns(),
           shape_text(sum->shape).c_str());
    }
    const TensorRef max = vector_at(max_handle, "max", x->columns());
    check_writable(*sum, "sum");
    check_writable(*max, "max");
    accumulate_abs(x->f32(), sum->f64(), max->f32(), x->rows(), x->columns());
  });
}

int32_t salient_accumulate_gram(uint32_t x_handle, uint32_t gram_handle) {
  return guard([&] {
    const TensorRef x = matrix_at(x_handle, "x", DType::F32);
    const TensorRef gram = tensor_at(gram_handle, "gram", DType::F32);
    check_shape(*gram, "gram", x->columns(), x->columns());
    check_writable(*gram, "gram");
    if (x->size > 0) accumulate_gram(x->f32(), gram->f32(), x->rows(), x->columns());
  });
}

int32_t salient_scale_columns(uint32_t handle, const float* factors, uint32_t count, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    check_buffer(factors, "the factors");
    const TensorRef w = float_matrix_at(handle, "weight", 0);
    if (count != w->columns()) {
      fail(SALIENT_INVALID, "%u factors were given for %zu columns", count, w->columns());
    }
    const TensorRef result = new_tensor(DType::F32, w->shape);
    scale_columns(w->data, w->dtype, factors, result->f32(), w->rows(), w->columns());
    out[0] = publish(result);
  });
}

int32_t salient_scale_rows(uint32_t handle, const float* factors, uint32_t count, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    check_buffer(factors, "the factors");
    const TensorRef w = tensor_at(handle, "weight");
    if (!is_float(w->dtype) || w->shape.empty() || w->shape.size() > 2 || count != w->rows()) {
      fail(SALIENT_INVALID, "%u factors were given for the rows of %s %s", count, dtype_name(w->dtype),
           shape_text(w->shape).c_str());
    }
    const TensorRef result = new_tensor(DType::F32, w->shape);
    const size_t K = w->shape.size() == 2 ? w->columns() : 1;
    scale_rows(w->data, w->dtype, factors, result->f32(), w->rows(), K);
    out[0] = publish(result);
  });
}

int32_t salient_scale_gram(uint32_t handle, const float* factors, uint32_t count) {
  return guard([&] {
    check_buffer(factors, "the factors");
    const TensorRef gram = tensor_at(handle, "gram", DType::F32);
    check_shape(*gram, "gram", count, count);
    check_writable(*gram, "gram");
    scale_gram(gram->f32(), factors, count);
  });
}

int32_t salient_summarize(uint32_t handle, double* reals) {
  return guard([&] {
    check_buffer(reals, "the summary");
    const TensorRef tensor = tensor_at(handle, "tensor");
    if (!is_float(tensor->dtype)) fail(SALIENT_INVALID, "Cannot summarize %s", dtype_name(tensor->dtype));
    const size_t K = tensor->columns();
    const Summary found = summarize(tensor->data, tensor->dtype, K == 0 ? 0 : tensor->size / K, K);
    reals[0] = static_cast<double>(found.non_finite);
    reals[1] = static_cast<double>(found.abs_max);
    reals[2] = static_cast<double>(found.zero_columns);
  });
}
