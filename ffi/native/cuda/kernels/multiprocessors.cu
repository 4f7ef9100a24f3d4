// See multiprocessors.h.
#include "multiprocessors.h"

#include "../simt.h"

namespace salient::cuda {

#if defined(SALIENT_EMULATED)

uint32_t multiprocessors() { return emulated_multiprocessors; }

#else

uint32_t multiprocessors() {
  static const uint32_t count = [] {
    int device = 0, value = 0;
    if (cudaGetDevice(&device) != cudaSuccess) return 1u;
    if (cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, device) != cudaSuccess) return 1u;
    return static_cast<uint32_t>(value < 1 ? 1 : value);
  }();
  return count;
}

#endif

}  // namespace salient::cuda
