// Exported functions: what computes.

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "objects.h"

using namespace salient;

uint32_t salient_describe(uint8_t* text, uint32_t length) {
  if (text == nullptr) return 0;
  char line[128];
  const int count = std::snprintf(line, sizeof line, "%s, %u thread%s", isa_name(isa()), threads(),
                                  threads() == 1 ? "" : "s");
  const size_t written = std::min<size_t>(count < 0 ? 0 : static_cast<size_t>(count), length);
  std::memcpy(text, line, written);
  return static_cast<uint32_t>(written);
}

int32_t salient_set_threads(uint32_t count) {
  return guard([&] {
    if (count > 1024) fail(SALIENT_INVALID, "At most 1024 threads can be used, not %u", count);
    set_threads(count);
  });
}

int32_t salient_force_isa(uint32_t level) {
  return guard([&] {
    if (level >= kIsas) fail(SALIENT_INVALID, "Unknown instruction set %u", level);
    if (!force_isa(static_cast<Isa>(level))) {
      fail(SALIENT_INVALID, "This processor lacks %s", isa_name(static_cast<Isa>(level)));
    }
  });
}

int32_t salient_device(uint32_t index, uint8_t*, uint32_t, double* reals) {
  return guard([&] {
    check_buffer(reals, "the figures");
    if (index != 0) fail(SALIENT_INVALID, "The processor has the number 0, there is no %u", index);
    std::fill(reals, reals + 8, 0.0);
  });
}

int32_t salient_choose_device(uint32_t index) {
  return guard([&] {
    if (index != 0) fail(SALIENT_INVALID, "The processor has the number 0, there is no %u", index);
  });
}
