// Kernels of kernels.h that are not there yet.
#include "../abi/objects.h"
#include "kernels.h"
#include "products.h"

namespace salient::cuda {
namespace {
[[noreturn]] void missing(const char* what) { fail(SALIENT_INTERNAL, "%s is not on cuda yet", what); }
}
size_t linear_workspace(Element, Element, Precision, uint32_t, uint32_t, uint32_t) { return 0; }
void linear(const void*, Element, const void*, Element, const float*, void*, Element, uint32_t, uint32_t, uint32_t, Precision,
            const Workspace&) { missing("linear"); }
void accumulate_gram(const float* x, float* gram, uint32_t T, uint32_t K) { gram_product(x, K, gram, T, K); }
PackedLayout packed_layout(uint32_t, uint32_t, uint32_t, uint32_t) { missing("pack"); }
void pack(const PackedLayout&, const uint8_t*, const float*, const uint8_t*, void*) { missing("pack"); }
size_t packed_linear_workspace(const PackedLayout&, Element, uint32_t) { return 0; }
void packed_linear(const PackedLayout&, const void*, const void*, Element, const float*, void*, Element, uint32_t,
                   const Workspace&) { missing("packed linear"); }
size_t attention_workspace(const AttentionShape&) { return 0; }
void attention(const void*, const void*, const void*, void*, Element, const AttentionShape&, const Workspace&) { missing("attention"); }
}  // namespace salient::cuda
