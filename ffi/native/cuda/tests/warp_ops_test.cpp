// The emulated matrix operations against the lane maps of the PTX ISA, written down once more as its text has them: for
// element i of a lane's fragment its row and its column.
#include "emulated_check.h"

namespace {

struct Place {
  unsigned row, column;
};

// "Matrix Fragments for mma.m16n8k16 with floating point type": groupID is lane / 4, threadID_in_group lane % 4.
Place a_of_f16(unsigned lane, unsigned i) {
  const unsigned group = lane >> 2, thread = lane % 4;
  const unsigned row = i < 2 || (4 <= i && i < 6) ? group : group + 8;
  return {row, thread * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
}
Place b_of_f16(unsigned lane, unsigned i) { return {lane % 4 * 2 + (i & 1) + (i >= 2 ? 8 : 0), lane >> 2}; }
Place c_of(unsigned lane, unsigned i) { return {(lane >> 2) + (i >= 2 ? 8 : 0), lane % 4 * 2 + (i & 1)}; }

// "Matrix Fragments for mma.m16n8k32" of 8-bit integers.
Place a_of_s8(unsigned lane, unsigned i) {
  const unsigned group = lane >> 2, thread = lane % 4;
  const unsigned row = i < 4 || (8 <= i && i < 12) ? group : group + 8;
  return {row, thread * 4 + (i & 3) + (i >= 8 ? 16 : 0)};
}
Place b_of_s8(unsigned lane, unsigned i) { return {lane % 4 * 4 + (i & 3) + (i >= 4 ? 16 : 0), lane >> 2}; }

struct Fragments {
  u32 a[32][4], b[32][2];
  float c[32][4];
  int ic[32][4];
};

__global__ void products(Fragments* f, int kind) {
  const unsigned lane = threadIdx.x;
  if (kind == 0) mma_f16(f->c[lane], f->a[lane], f->b[lane]);
  else if (kind == 1) mma_bf16(f->c[lane], f->a[lane], f->b[lane]);
  else mma_s8(f->ic[lane], f->a[lane], f->b[lane]);
}

void test_mma(int kind) {
  const unsigned K = kind == 2 ? 32 : 16, per_word = kind == 2 ? 4 : 2;
  std::vector<int> a(16 * K), b(K * 8), c(16 * 8);
  for (auto* matrix : {&a, &b, &c}) {
    for (int& v : *matrix) v = static_cast<int>(random_bits() % 31) - 15;
  }
  const auto bits = [&](int v) {
    return kind == 0 ? f16_of(static_cast<float>(v)) : kind == 1 ? bf16_of(static_cast<float>(v)) : static_cast<u32>(v) & 255;
  };
  Fragments f{};
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < 4 * per_word; ++i) {
      const Place at = kind == 2 ? a_of_s8(lane, i) : a_of_f16(lane, i);
      f.a[lane][i / per_word] |= bits(a[at.row * K + at.column]) << 32 / per_word * (i % per_word);
    }
    for (unsigned i = 0; i < 2 * per_word; ++i) {
      const Place at = kind == 2 ? b_of_s8(lane, i) : b_of_f16(lane, i);
      f.b[lane][i / per_word] |= bits(b[at.row * 8 + at.column]) << 32 / per_word * (i % per_word);
    }
    for (unsigned i = 0; i < 4; ++i) f.ic[lane][i] = c[c_of(lane, i).row * 8 + c_of(lane, i).column], f.c[lane][i] = static_cast<float>(f.ic[lane][i]);
  }
  const Device<Fragments> device(std::vector<Fragments>{f});
  simt::launch("mma", products, 1, 32, 0, device.get(), kind);
  const Fragments out = device.read()[0];
  bool good = true;
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < 4; ++i) {
      const Place at = c_of(lane, i);
      int sum = c[at.row * 8 + at.column];
      for (unsigned k = 0; k < K; ++k) sum += a[at.row * K + k] * b[k * 8 + at.column];
      good = good && (kind == 2 ? out.ic[lane][i] == sum : out.c[lane][i] == static_cast<float>(sum));
    }
  }
  check(good, "mma of kind " + std::to_string(kind));
}

__global__ void loads(const uint16_t* from, u32* plain, u32* transposed) {
  SIMT_DYNAMIC_SHARED(uint16_t, rows);
  const unsigned lane = threadIdx.x;
  for (unsigned i = lane; i < 32; i += 32) copy_async(rows + 8 * i, from + 8 * i);
  commit_copies();
  wait_copies<0>();
  __syncwarp();
  u32 r[4];
  load_matrices(r, rows + 8 * lane);
  for (unsigned j = 0; j < 4; ++j) plain[4 * lane + j] = r[j];
  load_matrices_transposed(r, rows + 8 * lane);
  for (unsigned j = 0; j < 4; ++j) transposed[4 * lane + j] = r[j];
}

// Lane i of ldmatrix has elements 2 (i % 4) and the next of row i / 4; transposed, of column i / 4.
void test_ldmatrix() {
  std::vector<uint16_t> values(4 * 64);
  for (auto& v : values) v = static_cast<uint16_t>(random_bits());
  const Device<uint16_t> from(values);
  const Device<u32> plain(128), transposed(128);
  simt::launch("ldmatrix", loads, 1, 32, 512, from.get(), plain.get(), transposed.get());
  const auto p = plain.read(), t = transposed.read();
  bool good = true;
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned j = 0; j < 4; ++j) {
      const unsigned line = lane / 4, at = 2 * (lane % 4);
      const auto element = [&](unsigned row, unsigned column) { return static_cast<u32>(values[64 * j + 8 * row + column]); };
      good = good && p[4 * lane + j] == (element(line, at) | element(line, at + 1) << 16);
      good = good && t[4 * lane + j] == (element(at, line) | element(at + 1, line) << 16);
    }
  }
  check(good, "ldmatrix");
}

void test_conversions() {
  bool good = true;
  for (u32 i = 0; i < 65536; ++i) {
    const float half = f16_to_float(i), brain = bf16_to_float(i);
    if (half == half) good = good && f16_of(half) == i;
    if (brain == brain) good = good && bf16_of(brain) == i;
  }
  check(good, "16-bit numbers do not come back");
  check(f16_of(1.0f + 0x1p-11f) == 0x3c00 && f16_of(1.0f + 0x1.8p-10f) == 0x3c02 && f16_of(65519.0f) == 0x7bff && f16_of(65520.0f) == 0x7c00 &&
            f16_of(0x1p-25f) == 0 && f16_of(0x1.8p-25f) == 1 && f16_of(0x1.ffffp-15f) == 0x0400,
        "rounding to fp16");
  check(bf16_of(1.0f + 0x1p-8f) == 0x3f80 && bf16_of(1.0f + 0x1.8p-7f) == 0x3f82, "rounding to bf16");
  check(masked<0x000f000f, 0x64006400>(0x12345678) == 0x64046408, "masked");
}

}  // namespace

int main() {
  for (const int kind : {0, 1, 2}) test_mma(kind);
  test_ldmatrix();
  test_conversions();
  check(copies_left() == 0, "copies left");
  return finish("warp_ops_test");
}
