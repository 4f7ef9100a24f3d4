#include "shared.h"

namespace ptx {

void SharedMemory::reset(size_t bytes, size_t warps) {
  bytes_.assign(bytes, 0xff);  // not a number, until it is written
  words_.assign((bytes + 3) / 4, Word{});
  clocks_.assign(warps, std::vector<u32>(warps, 0));
  for (size_t i = 0; i < warps; i++) clocks_[i][i] = 1;
  fenced_.assign(warps, 0);
}

void SharedMemory::check(u64 address, u32 bytes) const {
  if (address % bytes != 0) throw Fault("a shared address that is no multiple of " + std::to_string(bytes));
  if (address > bytes_.size() || bytes > bytes_.size() - address) {
    throw Fault("shared address " + std::to_string(address) + ", of " + std::to_string(bytes_.size()) + " bytes");
  }
}

// Whether an access happened before all that the thread does now.
bool SharedMemory::ordered(const Access& before, u32 warp, u32 lane) const {
  if (before.warp != warp) return before.clock <= clocks_[warp][before.warp];
  return before.clock != clocks_[warp][warp] || (before.lane == lane && lane != kWarp);
}

const u8* SharedMemory::read(u32 warp, u32 lane, u64 address, u32 bytes) {
  check(address, bytes);
  if (bytes >= 4) {
    for (u64 i = address / 4; i < (address + bytes) / 4; i++) {
      Word& word = words_[i];
      if (word.flying) throw Fault("reads shared word " + std::to_string(i) + ", whose asynchronous copy has not arrived");
      if (!ordered(word.writer, warp, lane)) {
        throw Fault("race: reads shared word " + std::to_string(i) + ", written by lane " +
                    std::to_string(word.writer.lane) + " of warp " + std::to_string(word.writer.warp));
      }
      Access& last = word.readers[0];
      const u32 now = clocks_[warp][warp];
      if (last.warp != warp) word.readers[1] = last;
      const bool again = last.warp == warp && last.clock == now && last.lane != lane;
      last = {now, static_cast<u16>(warp), static_cast<u16>(again ? kWarp : lane)};
    }
  }
  return bytes_.data() + address;
}

void SharedMemory::wrote(u32 warp, u32 lane, u64 address, u32 bytes, const void* data) {
  if (bytes < 4) return;
  for (u64 i = address / 4; i < (address + bytes) / 4; i++) {
    Word& word = words_[i];
    const bool same = data != nullptr &&
                      std::memcmp(bytes_.data() + 4 * i, static_cast<const u8*>(data) + (4 * i - address), 4) == 0;
    const std::string place = " shared word " + std::to_string(i);
    if (word.flying) throw Fault("writes" + place + ", whose asynchronous copy has not arrived");
    if (!same && !ordered(word.writer, warp, lane)) throw Fault("race: writes" + place + ", as another thread has");
    for (const Access& reader : word.readers) {
      if (!ordered(reader, warp, lane)) {
        throw Fault("race: writes" + place + ", read by warp " + std::to_string(reader.warp));
      }
    }
    word.writer = {clocks_[warp][warp], static_cast<u16>(warp), static_cast<u16>(lane)};
    word.copied = false;
  }
}

void SharedMemory::land(u64 address, const void* data, u32 bytes) {
  for (u64 i = address / 4; i < (address + bytes) / 4; i++) words_[i].flying = false, words_[i].copied = true;
  std::memcpy(bytes_.data() + address, data, bytes);
}

const u8* SharedMemory::read_async(u32 warp, u64 address, u32 bytes) {
  const u8* const data = read(warp, kWarp, address, bytes);
  for (u64 i = address / 4; i < (address + bytes) / 4; i++) {
    const Word& word = words_[i];
    if (!word.copied && word.writer.clock > fenced_[word.writer.warp]) {
      throw Fault("a product reads shared word " + std::to_string(i) + ", which a thread has written without fence.proxy.async");
    }
  }
  return data;
}

std::vector<u32> SharedMemory::release(u32 warp) {
  std::vector<u32> known = clocks_[warp];
  clocks_[warp][warp]++;
  return known;
}

void SharedMemory::acquire(u32 warp, const std::vector<u32>& known) {
  for (size_t i = 0; i < known.size(); i++) {
    if (i != warp) clocks_[warp][i] = std::max(clocks_[warp][i], known[i]);
  }
}

void SharedMemory::write(u32 warp, u32 lane, u64 address, const void* data, u32 bytes) {
  check(address, bytes);
  wrote(warp, lane, address, bytes, data);
  std::memcpy(bytes_.data() + address, data, bytes);
}

void SharedMemory::expect(u32 warp, u32 lane, u64 address, u32 bytes) {
  check(address, bytes);
  wrote(warp, lane, address, bytes, nullptr);
  for (u64 i = address / 4; i < (address + bytes) / 4; i++) words_[i].flying = true;
}

void SharedMemory::arrive(u32 warp, u32 lane, u64 address, const void* data, u32 bytes) {
  for (u64 i = address / 4; i < (address + bytes) / 4; i++) {
    words_[i].flying = false;
    words_[i].writer = {clocks_[warp][warp], static_cast<u16>(warp), static_cast<u16>(lane)};
  }
  std::memcpy(bytes_.data() + address, data, bytes);
}

void SharedMemory::warps_met(const std::vector<u32>& warps) {
  std::vector<u32> joined(clocks_.size(), 0);
  for (u32 warp : warps) {
    for (size_t i = 0; i < joined.size(); i++) joined[i] = std::max(joined[i], clocks_[warp][i]);
  }
  for (u32 warp : warps) {
    clocks_[warp] = joined;
    clocks_[warp][warp]++;
  }
}

}  // namespace ptx
