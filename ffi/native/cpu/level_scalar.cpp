// The innermost loops for any processor.
#include "level_impl.h"

namespace salient {
constinit const Level level_scalar = make_level();
}  // namespace salient
