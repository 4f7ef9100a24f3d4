// How many blocks run side by side, for splitting work.
#pragma once

#include <cstdint>

namespace salient::cuda {

// Multiprocessors of the current device; asked for once. Emulated: `emulated_multiprocessors`.
uint32_t multiprocessors();

#if defined(SALIENT_EMULATED)
inline uint32_t emulated_multiprocessors = 8;
#endif

}  // namespace salient::cuda
