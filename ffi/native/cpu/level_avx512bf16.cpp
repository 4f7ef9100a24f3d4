// The innermost loops for AVX-512 with bf16 products.
#if defined(__AVX512BF16__)
#include "level_impl.h"

namespace salient {
constinit const Level level_avx512bf16 = make_level();
}  // namespace salient
#endif
