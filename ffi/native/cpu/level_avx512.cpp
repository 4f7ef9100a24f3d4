// The innermost loops for AVX-512 F, BW, VL and DQ.
#if defined(__AVX512F__)
#include "level_impl.h"

namespace salient {
constinit const Level level_avx512 = make_level();
}  // namespace salient
#endif
