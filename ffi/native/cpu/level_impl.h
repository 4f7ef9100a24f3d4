// Everything of a level, for level_*.cpp.
#pragma once

#include "level.h"
#include "simd.h"

// In this order: later ones use earlier ones.
#include "loops_convert.h"
#include "loops_vector.h"
#include "loops_few.h"
#include "loops_product.h"
#include "loops_quantize.h"
#include "loops_packed.h"
#include "loops_packed_integer.h"

namespace salient {
namespace {

constexpr Level make_level() {
  Level t{};
  t.panel = kPanel;
  t.product = product<SumProducts>;
#if defined(__AVX512BF16__)
  t.product_bf16 = product<SumPairs>;
#endif
  t.transpose = transpose;
  t.few_rows = few_rows;
  t.to_f32 = convert_to_f32;
  t.from_f32 = convert_from_f32;
  t.round_bf16 = round_all_bf16;
  t.dot = dot;
  t.axpy = axpy;
  t.exp_sum = exp_sum;
  t.largest = largest;
  t.largest_magnitude = largest_magnitude;
  t.scale = scale_all;
  t.dots = dots;
  t.weighted_sum = weighted_sum;
  t.add_magnitudes = add_magnitudes;
  t.fit = fit;
  t.codes = codes;
  t.rounded = rounded;
  t.decode = decode;
#if defined(__AVX512BF16__)
  t.packed_prepared_size = digits_size;
  t.packed_prepare = prepare_digits;
  t.packed_few = packed_few_integer;
  t.packed_few_always = true;
#else
  t.packed_prepared_size = sums_size;
  t.packed_prepare = prepare_sums;
  t.packed_few = packed_few;
#endif
  t.packed_decode = packed_decode;
  return t;
}

}  // namespace
}  // namespace salient
