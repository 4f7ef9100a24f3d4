// The cap of a row of scores, on the thread that calls it.
#pragma once

#include <cstddef>

namespace salient {

// x = cap tanh(x / cap), in place.
void softcap_row(float* x, size_t n, float cap);

}  // namespace salient
