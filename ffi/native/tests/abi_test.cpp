// The C interface under random arguments, good and bad, and from several threads: nothing may crash, every
// failure has a text, and nothing is left behind. Meant for the sanitizers (deno task test:native).

#include "../salient.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

int failed = 0;

void check(bool good, const std::string& what) {
  if (good) return;
  failed++;
  std::printf("FAILED %s\n", what.c_str());
}

std::string text_of(int32_t status) {
  uint8_t text[512];
  const uint32_t length = salient_error(status, text, sizeof text);
  return std::string(reinterpret_cast<char*>(text), length);
}

constexpr uint32_t kF32 = 1, kU8 = 8, kF64 = 0, kI32 = 6;

// One caller with handles of its own. Its buffers have exactly the sizes that it tells the library.
class Caller {
 public:
  Caller(uint32_t seed, const std::string& path) : random_(seed) {
    uint32_t file = 0;
    double length = 0;
    check(salient_map(reinterpret_cast<const uint8_t*>(path.data()), static_cast<uint32_t>(path.size()), &file,
                      &length) == 0,
          "map");
    file_ = file;
    for (int i = 0; i < 40; i++) make();
  }

  ~Caller() {
    for (const uint32_t handle : pool_) check(salient_release(handle) == 0, "release of a living handle");
    check(salient_release(file_) == 0, "release of the file");
  }

  void step() {
    while (pool_.size() < 40) make();
    while (pool_.size() > 120) drop();
    uint32_t out[3] = {0, 0, 0};
    const int32_t status = call(out);
    calls_++;
    if (status == 0) {
      succeeded_++;
      for (const uint32_t handle : out) {
        if (handle != 0) pool_.push_back(handle);
      }
    } else {
      check(!text_of(status).empty(), "a failure has a text");
    }
  }

  int calls() const { return calls_; }
  int succeeded() const { return succeeded_; }

 private:
  uint32_t below(uint32_t n) { return std::uniform_int_distribution<uint32_t>(0, n - 1)(random_); }
  bool chance(uint32_t percent) { return below(100) < percent; }

  // Few sizes, so that they often fit each other.
  uint32_t length() {
    static constexpr uint32_t kLengths[] = {8, 8, 16, 16, 16, 32, 1, 0, 5};
    return kLengths[below(9)];
  }

  uint32_t handle() {
    if (chance(3)) return static_cast<uint32_t>(random_());
    return pool_[below(static_cast<uint32_t>(pool_.size()))];
  }
  uint32_t optional() { return chance(50) ? 0 : handle(); }

  std::vector<float> floats(uint32_t count, float low, float high) {
    std::uniform_real_distribution<float> draw(low, high);
    std::vector<float> values(count);
    for (float& value : values) value = draw(random_);
    return values;
  }

  void drop() {
    const uint32_t at = below(static_cast<uint32_t>(pool_.size()));
    check(salient_release(pool_[at]) == 0, "release");
    check(salient_release(pool_[at]) != 0, "second release");
    pool_.erase(pool_.begin() + at);
  }

  void make() {
    const uint32_t shape[2] = {length(), length()};
    const uint32_t rank = chance(80) ? 2 : 1;
    uint32_t out = 0;
    if (chance(60)) {
      const std::vector<float> values = floats(rank == 2 ? shape[0] * shape[1] : shape[0], -2, 2);
      salient_upload(reinterpret_cast<const uint8_t*>(values.data()), values.size() * 4, kF32, shape, rank, &out);
    } else if (chance(50)) {
      static constexpr uint32_t kTypes[] = {kU8, kU8, kF64, kI32, 2, 3, 4};
      salient_zeros(kTypes[below(7)], shape, rank, &out);
    } else {
      salient_file_tensor(file_, below(70000), below(11), shape, rank, &out);
    }
    if (out != 0) pool_.push_back(out);
  }

  const uint32_t* grid() {
    static constexpr uint32_t kGroups[] = {8, 8, 16, 5, 1, 0};
    grid_[0] = chance(90) ? 2 + below(7) : below(20);
    grid_[1] = kGroups[below(6)];
    grid_[2] = below(2);
    grid_[3] = chance(90) ? 1 + below(3) : below(12);
    grid_[4] = below(2);
    return grid_;
  }

  int32_t call(uint32_t* out) {
    const double weight[2] = {1.5, 0.5};
    const uint32_t kind = chance(95) ? below(2) : 7;
    const uint32_t count = length();
    const uint32_t shape[2] = {length(), length()};
    switch (below(37)) {
      case 0: return salient_rows(handle(), below(20), below(20), out);
      case 1: return salient_reshape(handle(), shape, chance(95) ? 2 : 9, out);
      case 2: return salient_cast(handle(), below(5), out);
      case 3: return salient_copy_rows(handle(), handle(), below(10));
      case 4: return salient_linear(handle(), handle(), optional(), below(2), out);
      case 5: {
        std::vector<int32_t> ids(count);
        for (int32_t& id : ids) id = static_cast<int32_t>(below(9)) - (chance(2) ? 5 : 0);
        return salient_embed(handle(), ids.data(), count, out);
      }
      case 6: {
        const double reals[2] = {chance(90) ? 1e-5 : -1, below(2) * 1.0};
        return salient_rms_norm(handle(), handle(), reals, out);
      }
      case 7: {
        const uint32_t numbers[5] = {1 + below(2), 8 * (1 + below(2)), below(3), below(3), below(2)};
        return salient_rope(handle(), handle(), numbers);
      }
      case 8: {
        const uint32_t numbers[7] = {1 + below(2), 1 + below(2), 4 * (1 + below(4)), below(3),
                                     below(4),     below(3),     chance(70) ? 0 : below(20)};
        const uint32_t slopes = chance(70) ? 0 : below(4);
        return salient_attention(handle(), handle(), handle(), numbers, weight, floats(slopes, 0, 1).data(), slopes, out);
      }
      case 9:
        return chance(50) ? salient_gated_activation(handle(), handle(), below(7), out)
                          : salient_activate(handle(), below(7));
      case 10: return salient_add_in_place(handle(), handle());
      case 11: {
        std::vector<int32_t> targets(count);
        for (int32_t& target : targets) target = static_cast<int32_t>(below(9)) - 1;
        std::vector<double> losses(count);
        return salient_negative_log_likelihood(handle(), targets.data(), count, losses.data());
      }
      case 12: return salient_accumulate_abs(handle(), handle(), handle());
      case 13: return salient_accumulate_gram(handle(), handle());
      case 14: return salient_scale_columns(handle(), floats(count, 0.5, 2).data(), count, out);
      case 15: return salient_scale_rows(handle(), floats(count, 0.5, 2).data(), count, out);
      case 16: return salient_scale_gram(handle(), floats(count, 0.5, 2).data(), count);
      case 17: {
        double reals[4];
        return salient_summarize(handle(), reals);
      }
      case 18: return salient_quantize(handle(), grid(), optional(), out);
      case 19:
        return quantized([&](uint32_t c, uint32_t s, uint32_t z) {
          return salient_dequantize(c, s, z, grid_, out);
        });
      case 20: {
        const uint32_t used = chance(50) ? 0 : count;
        return salient_fake_quantize(handle(), grid(), floats(used, 0.5, 2).data(), used, out);
      }
      case 21: {
        std::vector<double> losses(count);
        return salient_scale_losses(handle(), handle(), kind, weight, grid(), handle(), losses.data(), count);
      }
      case 22: {
        double loss = 0;
        if (chance(30)) {
          std::vector<double> gradient(count);
          return salient_scale_gradient(handle(), handle(), kind, weight, grid(), floats(count, 0.5, 2).data(),
                                        gradient.data(), count, &loss);
        }
        const uint32_t w = handle();
        return quantized([&](uint32_t c, uint32_t s, uint32_t z) {
          return salient_quantization_loss(w, handle(), kind, weight, grid_, c, s, z, &loss);
        });
      }
      case 23: {
        double energy = 0;
        return salient_output_energy(handle(), handle(), kind, weight, &energy);
      }
      case 24: {
        std::vector<float> means(count);
        return salient_relative_magnitude(handle(), 1 + below(9), means.data(), count);
      }
      case 25: {
        double clipped = 0;
        return salient_clip_search(handle(), handle(), kind, weight, grid(), below(12), out, &clipped);
      }
      case 26: {
        const uint32_t weights[2] = {handle(), handle()};
        std::vector<uint32_t> channels(count);
        for (uint32_t k = 0; k < count; k++) channels[k] = chance(99) ? k / 2 : count;
        std::vector<float> s = floats(count, 0.5, 2);
        const float factors[2] = {0.9f, 1.1f};
        double losses[2];
        return salient_refine_scales(weights, 1 + below(2), handle(), grid(), factors, 2, channels.data(), s.data(),
                                     count, losses);
      }
      case 27: return salient_pack_int4(handle(), below(2), order(), out);
      case 28: return salient_unpack_int4(handle(), below(2), order(), out);
      case 29: {
        double bytes = 0;
        return quantized([&](uint32_t c, uint32_t s, uint32_t z) {
          return salient_pack(c, s, z, grid_, out, &bytes);
        });
      }
      case 30: {
        std::vector<float> values(count);
        return salient_download(handle(), values.data(), count);
      }
      case 31: {
        double clipped = 0;
        const uint32_t w = handle(), moment = handle();
        return salient_search_ranges(w, moment, kind, weight, grid(), below(12), below(4), out, &clipped);
      }
      case 32: {
        const double eps = chance(90) ? 1e-5 : -1;
        return salient_layer_norm(handle(), optional(), optional(), &eps, out);
      }
      case 33: {
        const double cap = chance(90) ? 3 : 0;
        return salient_softcap(handle(), &cap);
      }
      case 34: {
        std::vector<int32_t> columns(count);
        for (int32_t& column : columns) column = static_cast<int32_t>(below(9)) - 1 - (chance(2) ? 5 : 0);
        return salient_select_columns(handle(), columns.data(), count, out);
      }
      case 35: {
        std::vector<int32_t> rows(count);
        for (int32_t& row : rows) row = static_cast<int32_t>(below(8)) - (chance(2) ? 5 : 0);
        return salient_add_rows(handle(), handle(), rows.data(), floats(count, -1, 1).data(), count);
      }
      default: {
        std::vector<uint8_t> bytes(count * 4);
        return chance(50) ? salient_download_bytes(handle(), bytes.data(), bytes.size())
                          : salient_file_release(file_, below(70000), below(70000));
      }
    }
  }

  // Mostly the parts of one weight, sometimes any handles.
  template <class Use>
  int32_t quantized(Use use) {
    uint32_t parts[3] = {0, 0, 0};
    const int32_t status = salient_quantize(handle(), grid(), 0, parts);
    if (status != 0) return status;
    for (const uint32_t part : parts) pool_.push_back(part);
    if (chance(10)) parts[below(3)] = handle();
    if (chance(5)) grid_[0] = 2 + below(7);
    return use(parts[0], parts[1], parts[2]);
  }

  const uint8_t* order() {
    for (uint8_t i = 0; i < 8; i++) order_[i] = i;
    std::shuffle(order_, order_ + 8, random_);
    if (chance(5)) order_[0] = order_[1];
    return order_;
  }

  std::mt19937 random_;
  std::vector<uint32_t> pool_;
  uint32_t file_ = 0;
  uint32_t grid_[5];
  uint8_t order_[8];
  int calls_ = 0, succeeded_ = 0;
};

void random_calls(uint32_t seed, int steps, const std::string& path) {
  Caller caller(seed, path);
  for (int i = 0; i < steps; i++) caller.step();
  check(caller.succeeded() > caller.calls() / 20, "a fair part of the random calls succeeds");
}

void null_buffers() {
  const uint32_t shape[1] = {4};
  check(salient_zeros(kF32, nullptr, 1, nullptr) != 0, "zeros without buffers");
  check(salient_zeros(kF32, shape, 1, nullptr) != 0, "zeros without a place for the handle");
  check(salient_memory(nullptr) != 0, "memory without a buffer");
  check(salient_map(nullptr, 4, nullptr, nullptr) != 0, "map without buffers");
  check(salient_quantize(0, nullptr, 0, nullptr) != 0, "quantize without buffers");
  check(salient_error(257, nullptr, 10) == 0, "error without a buffer");
  check(salient_describe(nullptr, 10) == 0, "describe without a buffer");
  check(!text_of(0x7fffff01).empty(), "an unknown status has a text");
}

}  // namespace

int main() {
  const std::string path = "build/abi_test.bin";
  if (std::FILE* file = std::fopen(path.c_str(), "wb")) {
    for (int i = 0; i < 70000; i++) std::fputc(i * 37 & 255, file);
    std::fclose(file);
  }
  null_buffers();
  salient_set_threads(2);
  random_calls(1, 6000, path);
  std::vector<std::thread> threads;
  for (uint32_t seed = 2; seed < 6; seed++) threads.emplace_back(random_calls, seed, 1500, path);
  for (std::thread& thread : threads) thread.join();
  double reals[4];
  check(salient_memory(reals) == 0 && reals[0] == 0, "no memory is left allocated");
  check(salient_trim() == 0, "trim");
  std::remove(path.c_str());
  std::printf("abi_test: %s\n", failed == 0 ? "ok" : "failed");
  return failed == 0 ? 0 : 1;
}
