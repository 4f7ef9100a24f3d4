// Everything of a level, for level_*.cpp.
#pragma once

// What the instruction set has, by what the compiler may use of it. The Arm sets are asked for by name:
// the scalar level is compiled for a processor that has one of them.
#if defined(__AVX512BF16__) || (defined(SALIENT_NEON) && defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC))
#define SALIENT_PAIRS  // sums of products of two bf16
#endif
#if defined(__AVX512BF16__) || (defined(SALIENT_NEON) && defined(__ARM_FEATURE_DOTPROD))
#define SALIENT_DIGITS  // sums of products of four bytes
#endif

#include "level.h"
#include "simd.h"

// In this order: later ones use earlier ones.
#include "loops_convert.h"
#include "loops_vector.h"
#include "loops_few.h"
#include "loops_product.h"
#include "loops_quantize.h"
#include "loops_compensate.h"
#include "loops_packed.h"
#include "loops_packed_digits.h"
#include "loops_packed_avx512bf16.h"
#include "loops_packed_neondot.h"
#include "loops_int8.h"

namespace salient {
namespace {

constexpr Level make_level() {
  Level t{};
  t.panel = kPanel;
  t.product = product<SumProducts>;
#if defined(SALIENT_PAIRS)
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
  t.compensate_columns = compensate_columns;
#if defined(SALIENT_DIGITS)
  t.packed_prepared_size = digits_size;
  t.packed_prepare = prepare_digits;
  t.packed_few = packed_few_integer;
#if defined(__AVX512BF16__)
  t.packed_few_always = true;
#endif
#else
  t.packed_prepared_size = sums_size;
  t.packed_prepare = prepare_sums;
  t.packed_few = packed_few;
#endif
  t.packed_decode = packed_decode;
  t.round_inputs = round_inputs;
  t.int8_rows = IntegerSums::rows;
  t.int8_row_size = int8_row_size;
  t.int8_round = int8_round;
  t.int8_product = int8_product;
  return t;
}

}  // namespace
}  // namespace salient
