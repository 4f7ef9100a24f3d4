// The innermost loops for AArch64 with integer dot products (FEAT_DotProd).
#if defined(__ARM_FEATURE_DOTPROD)
#define SALIENT_NEON
#include "level_impl.h"

namespace salient {
constinit const Level level_neondot = make_level();
}  // namespace salient
#endif
