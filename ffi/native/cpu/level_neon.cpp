// The innermost loops for AArch64.
#if defined(__aarch64__)
#define SALIENT_NEON
#include "level_impl.h"

namespace salient {
constinit const Level level_neon = make_level();
}  // namespace salient
#endif
