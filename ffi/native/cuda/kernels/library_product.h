// cuBLASLt, where the system has it: opened at run time, nothing is linked.
#pragma once

#include "tensor_product.h"

namespace salient::cuda {

// Whether cuBLASLt was found and answers.
bool library_found();

// y = a b^T of fp16 or bf16 as tensor_product gives it; false where the library is missing or does not take these types
// or shapes: then nothing was done.
bool library_product(Element type, const TensorProduct& product);

}  // namespace salient::cuda
