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
#elif defined(__aarch64__)
  switch (isa()) {
    case Isa::Neon: return level_neon;
    case Isa::NeonDot: return level_neondot;
    case Isa::NeonBf16: return level_neonbf16;
    default: break;
  }
#endif
  return level_scalar;
}

}  // namespace salient
