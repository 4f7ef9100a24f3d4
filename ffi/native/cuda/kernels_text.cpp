#include "kernels_text.h"

#include "kernels/thresholds.h"

namespace salient {

std::string kernels_text(uint32_t major, uint32_t minor) {
#if defined(SALIENT_EMULATED)
  (void)major;
  (void)minor;
  return "kernels emulated on the host, for tests";
#else
  // As cuda_plan.ts compiles them.
  static constexpr uint32_t kBuilt[] = {80, 86, 89, 90, 100, 120};
  const uint32_t device = 10 * major + minor;
  uint32_t best = 0;
  for (const uint32_t built : kBuilt) {
    if (built / 10 == major && built <= device) best = built;
  }
  if (best == 90 && device == 90) {
    const cuda::Thresholds& chosen = cuda::thresholds;
    const bool wgmma = chosen.wgmma_packed_from != cuda::kNever || chosen.wgmma_product_tokens != cuda::kNever ||
                       chosen.wgmma_alone_tokens != cuda::kNever;
    return wgmma ? "kernels for sm_90a, wgmma for large batches" : "kernels for sm_90a, wgmma not yet chosen";
  }
  if (best != 0) return "kernels for sm_" + std::to_string(best);
  return "kernels compiled by the driver from PTX";
#endif
}

}  // namespace salient
