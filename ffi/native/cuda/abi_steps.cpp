// Exported functions: steps of decoding that are recorded.
#include "../abi/objects.h"
#include "recording.h"

using namespace salient;

namespace {

std::shared_ptr<Recording> step_at(uint32_t handle) {
  std::shared_ptr<Object> object = find(handle);
  if (object == nullptr || object->kind != Kind::Step) fail(SALIENT_INVALID, "Handle %u is not a step", handle);
  return std::static_pointer_cast<Recording>(std::move(object));
}

}  // namespace

int32_t salient_record(uint32_t id, uint32_t position, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    if (id > INT32_MAX || position == UINT32_MAX) fail(SALIENT_INVALID, "Id %u or position %u is too large", id, position);
    out[0] = publish(std::make_shared<Recording>(id, position));
  });
}

int32_t salient_recording(uint32_t step) {
  return guard_anywhere([&] {
    set_recording(nullptr);
    if (step != 0) set_recording(step_at(step));
  });
}

int32_t salient_recorded(uint32_t step, uint32_t* numbers) {
  return guard([&] {
    check_buffer(numbers, "the figures");
    const std::shared_ptr<Recording> recorded = step_at(step);
    recorded->finish();
    recorded->range(numbers);
  });
}

int32_t salient_replay(uint32_t step, uint32_t id, uint32_t position) {
  return guard([&] { step_at(step)->replay(id, position); });
}
