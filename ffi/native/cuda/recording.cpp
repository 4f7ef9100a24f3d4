// See recording.h.
#include "recording.h"

#include <algorithm>
#include <cstdlib>

namespace salient {
namespace {

thread_local std::shared_ptr<Recording> current;

}  // namespace

Recording* recording() { return current.get(); }

void set_recording(std::shared_ptr<Recording> step) {
  simt::tape = step == nullptr ? nullptr : step->tape();
  current = std::move(step);
}

Unrecorded::Unrecorded() : before_(current) { set_recording(nullptr); }
Unrecorded::~Unrecorded() { set_recording(std::move(before_)); }

Recording::Recording(uint32_t id, uint32_t position)
    : Object(Kind::Step), recorded_{id, position}, words_(reinterpret_cast<uint32_t*>(arena_->take_fixed(3 * sizeof(uint32_t)).data)) {
  // SALIENT_CUDA_GRAPH=0: no step is recorded, to measure what that gains.
  const char* wanted = std::getenv("SALIENT_CUDA_GRAPH");
  if (wanted != nullptr && wanted[0] == '0') refuse("SALIENT_CUDA_GRAPH is 0");
  write(id, position);
}

uint64_t Recording::moving(uint64_t number, uint64_t end) {
  const uint64_t position = recorded_[1];
  if (number >= end) {
    refuse("a number that moves with the position is out of range");
    return 0;
  }
  if (number < position) first_ = std::max(first_, position - number);
  end_ = std::min(end_, end - number + position);
  return number - position;
}

bool Recording::takes_token(int32_t id, uint64_t rows) {
  if (embeds_) return false;
  embeds_ = true;
  if (static_cast<uint32_t>(id) != recorded_[0]) {
    refuse("its first embed is not that of the token");
    return false;
  }
  ids_ = std::min<uint64_t>(ids_, rows);
  return true;
}

void Recording::hold(const std::shared_ptr<Block>& block) {
  if (block == nullptr) return;
  const auto* memory = static_cast<const DeviceMemory*>(block->extra().get());
  if (memory->arena != arena_) held_.insert(block);
}

void Recording::refuse(const char* reason) {
  if (refusal_.empty()) refusal_ = reason;
}

void Recording::finish() {
  if (graph_ != nullptr) fail(SALIENT_INVALID, "The step was recorded already");
  if (refusal_.empty() && tape_.empty()) refuse("it does nothing");
  if (refusal_.empty() && first_ >= end_) refuse("it serves no position");
  if (!refusal_.empty()) fail(SALIENT_INVALID, "The step cannot be recorded: %s", refusal_.c_str());
  refuse("it has ended");  // calls that still come for it
  graph_ = device::capture(std::move(tape_));
  tape_.clear();
}

void Recording::range(uint32_t* numbers) const {
  numbers[0] = static_cast<uint32_t>(first_);
  numbers[1] = static_cast<uint32_t>(end_);
  numbers[2] = static_cast<uint32_t>(ids_);
}

void Recording::replay(uint32_t id, uint32_t position) {
  if (graph_ == nullptr) fail(SALIENT_INVALID, "The step was not recorded to its end");
  if (position < first_ || position >= end_) {
    fail(SALIENT_INVALID, "Position %u is outside of the %llu to %llu that the recorded step serves", position,
         static_cast<unsigned long long>(first_), static_cast<unsigned long long>(end_ - 1));
  }
  if (id >= ids_) {
    fail(SALIENT_INVALID, "Id %u is outside the table's %llu rows", id, static_cast<unsigned long long>(ids_));
  }
  write(id, position);
  graph_->launch();
}

void Recording::write(uint32_t id, uint32_t position) {
  const uint32_t words[3] = {id, position, position + 1};
  device::upload(words_, words, sizeof words);
}

}  // namespace salient
