// Conversion between float types.
#include "panels.h"

namespace salient {
namespace {
constexpr size_t kPiece = 65536;
}

void to_f32(const void* source, DType type, float* target, size_t n) {
  const Level& level = salient::level();
  parallel_for(n, kPiece, [&](size_t begin, size_t end) {
    level.to_f32(at(source, type, begin), type, target + begin, end - begin);
  });
}

void from_f32(const float* source, void* target, DType type, size_t n) {
  const Level& level = salient::level();
  const size_t size = element_size(type);
  parallel_for(n, kPiece, [&](size_t begin, size_t end) {
    level.from_f32(source + begin, static_cast<char*>(target) + begin * size, type, end - begin);
  });
}

}  // namespace salient
