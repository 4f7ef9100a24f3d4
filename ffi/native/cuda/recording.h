// A step of decoding that is recorded while it runs, to be run again for other tokens and positions by one launch.
//
// The calls of a recording do what they always do, and what they launch is also kept on a tape; in the end the tape becomes a
// graph of the device. No stream is in capture mode while the caller goes on, so whatever fails leaves nothing behind, and a
// step that cannot be recorded has still been run. A call belongs to a recording where its thread says so (salient_recording);
// calls on other threads, and calls between, are done and not recorded.
//
// It is one step of one token of one sequence. What moves with the step is read from three words of device memory: the token of
// the first embed; and, by its distance from the recorded position, the id of every further embed, the start of rope, the
// row of copyRows, and the length of attention, whose keys end with the step's. All other numbers, also those that come from
// the host (columns, factors, slopes), are fixed.
#pragma once

#include <string>
#include <unordered_set>

#include "../abi/objects.h"
#include "memory.h"

namespace salient {

class Recording final : public Object {
 public:
  Recording(uint32_t id, uint32_t position);

  // Memory that its calls take.
  Arena& arena() const { return *arena_; }
  size_t own_bytes() const override { return arena_->idle_bytes(); }
  simt::Tape* tape() { return &tape_; }

  // Words of device memory.
  const uint32_t* id() const { return words_; }
  const uint32_t* position() const { return words_ + 1; }
  const uint32_t* length() const { return words_ + 2; }
  uint32_t recorded_position() const { return recorded_[1]; }

  // The distance of a number below `end` that moves with the position; the step then serves no position at which it leaves
  // [0, end). Added to the position in unsigned arithmetic.
  uint64_t moving(uint64_t number, uint64_t end);
  // Whether it is the token's id, of a table with `rows`: that of the first embed. `id` is what the host gives.
  bool takes_token(int32_t id, uint64_t rows);
  // Keeps what the launches read, unless it is memory of the recording.
  void hold(const std::shared_ptr<Block>& block);
  void hold(std::shared_ptr<void> owner) { held_.insert(std::move(owner)); }
  // It cannot be recorded, since `reason`; the first one counts.
  void refuse(const char* reason);

  // Makes the graph; fails with the reason where that cannot be.
  void finish();
  // numbers[3]: first position that the graph serves, the one after the last, ids of tokens.
  void range(uint32_t* numbers) const;
  // Runs it: what the recorded calls made is made anew, in the same memory.
  void replay(uint32_t id, uint32_t position);

 private:
  void write(uint32_t id, uint32_t position);

  const uint32_t recorded_[2];
  const std::shared_ptr<Arena> arena_ = std::make_shared<Arena>();
  uint32_t* const words_;
  simt::Tape tape_;
  std::unordered_set<std::shared_ptr<void>> held_;
  std::string refusal_;
  bool embeds_ = false;
  uint64_t first_ = 0, end_ = UINT32_MAX, ids_ = UINT32_MAX;
  std::unique_ptr<device::Graph> graph_;  // ends before the memory that it uses
};

// That of this thread's calls, or null.
Recording* recording();
// Makes this thread's calls part of it; null: of none.
void set_recording(std::shared_ptr<Recording> step);

// As long as it lives, this thread's calls are done and not recorded: for what is made once and kept.
class Unrecorded {
 public:
  Unrecorded();
  ~Unrecorded();
  Unrecorded(const Unrecorded&) = delete;
  Unrecorded& operator=(const Unrecorded&) = delete;

 private:
  std::shared_ptr<Recording> before_;
};

}  // namespace salient
