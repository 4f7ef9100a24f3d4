// Picks the table of innermost loops.
#include "level.h"

namespace salient {

const Level& level() {
#if defined(__x86_64__)
  switch (isa()) {
    case Isa::Avx2: return level_avx2;
    case Isa::Avx512: return level_avx512;
    case Isa::Avx512Bf16: return level_avx512bf16;
    default: break;
  }
#endif
  return level_scalar;
}

}  // namespace salient
