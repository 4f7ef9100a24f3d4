// The innermost loops for AArch64 with integer and bf16 dot products (FEAT_DotProd, FEAT_BF16).
#if defined(__ARM_FEATURE_DOTPROD) && defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#define SALIENT_NEON
#include "level_impl.h"

namespace salient {
constinit const Level level_neonbf16 = make_level();
}  // namespace salient
#endif
