// The innermost loops for AVX2, FMA and F16C.
#if defined(__AVX2__)
#include "level_impl.h"

namespace salient {
constinit const Level level_avx2 = make_level();
}  // namespace salient
#endif
