// Whether the kernels for sm_90a run here.
#pragma once

#include "../simt.h"

namespace salient::cuda {

#if defined(SALIENT_EMULATED)
// Tests say what is emulated.
inline bool emulated_wgmma_device = true;
#endif

// Whether the device that is in use has compute capability 9.0 the library holds machine code for it and the driver
// makes tensor maps. Asked once.
bool wgmma_device();

}  // namespace salient::cuda
