// Instances of wgmma_packed for fp16 inputs: a file of their own, so that compilers work side by side.
#include "wgmma_packed_instances.h"

namespace salient::cuda {

void launch_wgmma_packed_f16(const WgmmaPackedLaunch& launch) { launch_wgmma_type<WgmmaF16>(launch); }

}  // namespace salient::cuda
