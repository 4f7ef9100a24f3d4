// The device: what the rest of the library asks of CUDA's runtime. device.cu answers with it, emulated/device.cpp
// without a GPU. Everything here throws Failure, with what was being done and CUDA's own words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "tape.h"

namespace salient::device {

struct Description {
  uint32_t count;  // of devices
  std::string name;
  uint32_t major, minor;  // compute capability
  size_t memory, free;
  uint32_t driver, runtime;  // 1000 major + 10 minor
};

// What device `index` is; fails where none answers, with the reason.
Description describe(uint32_t index);
// Takes it for this process, unless one was taken already: then it must be the same.
void choose(uint32_t index);
// Makes the chosen device (the first one, if none was chosen) that of this thread.
void enter();
// The number of the chosen device.
uint32_t chosen();

// A place in the order of the stream's work.
class Mark {
 public:
  virtual ~Mark() = default;
};

// Null where the device has not that much memory left.
void* allocate(size_t bytes);
// Waits for the work that may use it.
void free(void* data);
// Bytes that are free, and that there are.
void memory(size_t* free, size_t* total);

// In the order of the stream. The host's memory may be used again at once.
void upload(void* device, const void* host, size_t bytes);
// As much as a model's file holds, through pinned buffers and beside the stream's work: it begins when what came
// before `after` (null: nothing) is done, and what is launched afterwards waits for it.
void stage(void* device, const void* host, size_t bytes, const Mark* after);
// Waits until the bytes are there.
void download(void* host, const void* device, size_t bytes);
void move(void* target, const void* source, size_t bytes);
void fill(void* device, int byte, size_t bytes);
// A mark behind all work so far.
std::unique_ptr<Mark> mark();

// Work that is launched as one.
class Graph {
 public:
  virtual ~Graph() = default;
  // In the order of the stream, as everything else.
  virtual void launch() = 0;
};
// The tape as a graph. Nothing of it is done here, and what other threads do meanwhile is no part of it.
std::unique_ptr<Graph> capture(simt::Tape tape);
// Waits for all work; a fault of a kernel comes to light here.
void synchronize();
// Gives what is kept for copies back to the system.
void trim();

}  // namespace salient::device
