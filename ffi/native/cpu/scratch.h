// Scratch memory that is kept between calls: on virtual machines the first touch of fresh memory costs
// more than most kernels do with it.
#pragma once

#include <cstddef>

namespace salient {

// A block of at least `bytes`, aligned to 64, with unspecified contents. Given back when it goes.
class Scratch {
 public:
  explicit Scratch(size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // The next n elements of the block; the caller has counted them (see room_for).
  template <class Element>
  Element* take(size_t n) {
    Element* at = reinterpret_cast<Element*>(data_ + used_);
    used_ += room_for<Element>(n);
    return at;
  }

  // Bytes that take(n) uses.
  template <class Element>
  static constexpr size_t room_for(size_t n) {
    return (n * sizeof(Element) + 63) / 64 * 64;
  }

 private:
  char* data_;
  size_t used_ = 0;
};

}  // namespace salient
