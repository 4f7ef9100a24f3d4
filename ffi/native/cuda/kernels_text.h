#pragma once

#include <cstdint>
#include <string>

namespace salient {

// Which of the library's kernels a device of a compute capability runs; for people.
std::string kernels_text(uint32_t major, uint32_t minor);

}  // namespace salient
