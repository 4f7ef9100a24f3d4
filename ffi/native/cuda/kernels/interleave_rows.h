// Rows of x in the order in which wgmma meets a packed weight.
#pragma once

#include "prepare_rows.h"

namespace salient::cuda {

// As prepare_rows, with the 32 inputs of each unit in the order of interleaved_place.
void interleave_rows(const void* rows, Element type, uint16_t* out, Element out_type, float* row_scales, u32 T, const Spread& spread);

}  // namespace salient::cuda
