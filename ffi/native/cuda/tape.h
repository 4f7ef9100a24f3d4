// What a recorded step is made of: its launches, copies and fills, to be done again in their order.
#pragma once

#include <functional>
#include <vector>

namespace simt {

using Tape = std::vector<std::function<void()>>;

// Where the calls of this thread are recorded besides being done; null where they are not (see recording.h).
inline thread_local Tape* tape = nullptr;

}  // namespace simt
