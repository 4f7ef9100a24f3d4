// See wgmma_device.h.
#include "wgmma_device.h"

#include "hopper_ops.h"

namespace salient::cuda {

#if defined(SALIENT_EMULATED)

bool wgmma_device() { return emulated_wgmma_device; }

#else

namespace {

// Its machine code is that of the library's other kernels; it has a static number where theirs have a body.
__global__ void probe(u32* has_body) {
#if defined(SALIENT_HOPPER)
  __shared__ Barrier barrier[64];
  barrier_init(barrier + threadIdx.x % 64, 1);
#endif
  *has_body = 1;
}

}  // namespace

bool wgmma_device() {
  static const bool found = [] {
    int device = 0, major = 0, minor = 0;
    if (cudaGetDevice(&device) != cudaSuccess || cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) != cudaSuccess ||
        cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) != cudaSuccess || major != 9 || minor != 0) {
      return false;
    }
    // A build for sm_90 without the "a" would run here too, with kernels that do nothing.
    cudaFuncAttributes attributes{};
    const bool good = cudaFuncGetAttributes(&attributes, probe) == cudaSuccess && attributes.sharedSizeBytes > 0;
    cudaGetLastError();  // what failed here is no launch's fault
    return good && tensor_maps_found();
  }();
  return found;
}

#endif

}  // namespace salient::cuda
