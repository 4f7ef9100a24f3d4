// Instances of wgmma_packed for bf16 inputs: a file of their own, so that compilers work side by side.
#include "wgmma_packed_instances.h"

namespace salient::cuda {

void launch_wgmma_packed_bf16(const WgmmaPackedLaunch& launch) { launch_wgmma_type<WgmmaBf16>(launch); }

}  // namespace salient::cuda
