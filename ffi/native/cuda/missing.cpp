// Operations that the CUDA library does not have yet: each answers so.
#include "../abi/objects.h"

namespace salient {
namespace {

[[noreturn]] void missing(const char* what) {
  fail(SALIENT_INVALID, "%s is not on cuda yet: use the cpu backend", what);
}

}  // namespace

Factor* factor_gram(const float*, size_t, Order, uint32_t, double, uint32_t, bool*) { missing("Error compensation (GPTQ)"); }
void free_factor(Factor*) {}
size_t factor_bytes(const Factor*) { return 0; }
size_t factor_inputs(const Factor*) { return 0; }
double factor_damping(const Factor*) { return 0; }
bool keeps_groups(const Factor*, uint32_t) { return false; }
double compensate(const void*, DType, const Factor&, const Grid&, bool, const float*, const uint8_t*, uint8_t*, float*, uint8_t*,
                  size_t) {
  missing("Error compensation (GPTQ)");
}

double scale_gradient(const void*, DType, const Moment&, const Grid&, const float*, double*, size_t, size_t) {
  missing("The gradient search of AWQ");
}

}  // namespace salient
