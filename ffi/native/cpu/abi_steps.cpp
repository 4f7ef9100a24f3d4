// Exported functions: steps of decoding that are recorded, which is for devices where launching costs as much as computing.
#include "objects.h"

using namespace salient;

namespace {

int32_t none() {
  return guard_anywhere([] { fail(SALIENT_INVALID, "The CPU library records no steps"); });
}

}  // namespace

int32_t salient_record(uint32_t, uint32_t, uint32_t*) { return none(); }
int32_t salient_recording(uint32_t) { return none(); }
int32_t salient_recorded(uint32_t, uint32_t*) { return none(); }
int32_t salient_replay(uint32_t, uint32_t, uint32_t) { return none(); }
