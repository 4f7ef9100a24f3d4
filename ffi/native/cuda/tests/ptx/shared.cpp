#include "shared.h"

#include <algorithm>

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

SharedMemory::Access SharedMemory::access(u32 warp, u32 lane, u32 bytes) const {
  return {clocks_[warp][warp], static_cast<u16>(warp), static_cast<u8>(lane), bytes < 4};
}

// Whether an access happened before another one, or cannot disturb it. Two parts of a word are taken for different ones.
bool SharedMemory::ordered(const Access& before, const Access& now) const {
  if (before.part && now.part) return true;
  if (before.warp != now.warp) return before.clock <= clocks_[now.warp][before.warp];
  return before.clock != now.clock || (before.lane == now.lane && now.lane != kWarp);
}

const u8* SharedMemory::read(u32 warp, u32 lane, u64 address, u32 bytes) {
  check(address, bytes);
  const Access now = access(warp, lane, bytes);
  for (u64 i = address / 4; i <= (address + bytes - 1) / 4; i++) {
    Word& word = words_[i];
    if (word.flying) throw Fault("reads shared word " + std::to_string(i) + ", whose asynchronous copy has not arrived");
    if (!ordered(word.writer, now)) {
      throw Fault("race: reads shared word " + std::to_string(i) + ", written by lane " +
                  std::to_string(word.writer.lane) + " of warp " + std::to_string(word.writer.warp));
    }
    Access& last = word.readers[0];
    if (last.warp != warp) word.readers[1] = last;
    const bool again = last.warp == warp && last.clock == now.clock;
    const u8 who = again && last.lane != lane ? kWarp : now.lane;
    last = {now.clock, now.warp, who, now.part && (!again || last.part)};
  }
  return bytes_.data() + address;
}

void SharedMemory::wrote(u32 warp, u32 lane, u64 address, u32 bytes, const void* data) {
  const Access now = access(warp, lane, bytes);
  for (u64 i = address / 4; i <= (address + bytes - 1) / 4; i++) {
    Word& word = words_[i];
    const u64 first = std::max(address, 4 * i);
    const bool same = data != nullptr && std::memcmp(bytes_.data() + first, static_cast<const u8*>(data) + (first - address),
                                                     std::min<u64>(4, bytes)) == 0;
    const auto place = [&] { return " shared word " + std::to_string(i); };
    if (word.flying) throw Fault("writes" + place() + ", whose asynchronous copy has not arrived");
    if (!same && !ordered(word.writer, now)) throw Fault("race: writes" + place() + ", as another thread has");
    for (const Access& reader : word.readers) {
      if (!ordered(reader, now)) throw Fault("race: writes" + place() + ", read by warp " + std::to_string(reader.warp));
    }
    word.writer = now;
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
    words_[i].writer = access(warp, lane, bytes);
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
