// The interpreter itself: results of instructions written down from the PTX ISA, and that it finds what is wrong. Each
// kernel here is text of PTX; it gets the address of 32 rows of 64 bytes, one for each lane.
#include <array>
#include <cmath>
#include <cstdio>

#include "halves.h"
#include "machine.h"

namespace {

using namespace ptx;

int passed = 0, failed = 0;

void check(bool good, const std::string& what) {
  ++(good ? passed : failed);
  if (!good) std::printf("FAILED %s\n", what.c_str());
}

alignas(256) std::array<std::array<u32, 16>, 64> memory;

std::string kernel(const std::string& body) {
  return R"(.version 9.0
.target sm_80
.address_size 64
.extern .shared .align 128 .b8 dynamic[];
.visible .entry test(.param .u64 out)
{
  .reg .pred %p<8>; .reg .b16 %rs<8>; .reg .b32 %r<64>; .reg .f32 %f<16>; .reg .b64 %rd<16>; .reg .f64 %fd<4>;
  .shared .align 16 .b8 tile[1024];
  ld.param.u64 %rd0, [out];
  cvta.to.global.u64 %rd0, %rd0;
  mov.u32 %r0, %tid.x;
  mul.wide.u32 %rd1, %r0, 64;
  add.s64 %rd1, %rd0, %rd1;
  shl.b32 %r1, %r0, 2;
  mov.u32 %r2, tile;
  add.s32 %r3, %r2, %r1;
)" + body + "\n  ret;\n}\n";
}

// Runs it, and gives the fault's text ("" without one).
std::string run_text(const std::string& text, u32 threads = 32, u32 seed = 1, u32 dynamic = 0) {
  try {
    std::vector<Kernel> kernels = parse(text, "test.ptx");
    const u64 address = reinterpret_cast<u64>(memory.data());
    Launch launch;
    launch.kernel = &kernels.at(0);
    launch.block = {threads, 1, 1};
    launch.dynamic_shared = dynamic;
    launch.parameters = reinterpret_cast<const u8*>(&address);
    launch.seed = seed;
    launch.find_global = [](const void*) { return std::pair(reinterpret_cast<const u8*>(memory.data()), sizeof memory); };
    run(launch);
    return "";
  } catch (const Fault& fault) {
    return fault.what();
  }
}

void good(const std::string& body, u32 threads = 32) {
  for (u32 seed = 1; seed < 8; seed++) {
    const std::string fault = run_text(kernel(body), threads, seed);
    check(fault.empty(), "a fault where there is none: " + body + "\n" + fault);
  }
}

// A fault with this text, whatever the order of lanes and warps.
void bad(const std::string& body, const std::string& text, u32 threads = 32) {
  for (u32 seed = 1; seed < 8; seed++) {
    const std::string fault = run_text(kernel(body), threads, seed);
    check(fault.find(text) != std::string::npos, "no fault \"" + text + "\": " + body + "\n" + fault);
  }
}

// What `body` leaves in %r9 of lane 0.
u32 result(const std::string& body) {
  memory = {};
  const std::string fault = run_text(kernel(body + "\n  st.global.u32 [%rd1], %r9;"));
  check(fault.empty(), body + "\n" + fault);
  return memory[0][0];
}

void equal(const std::string& body, u32 wanted) {
  const u32 is = result(body);
  char text[64];
  std::snprintf(text, sizeof text, "  gives %08x, not %08x", is, wanted);
  check(is == wanted, body + text);
}

void test_results() {
  equal("mov.b32 %r9, 5; sub.s32 %r9, %r9, 7;", 0xfffffffe);
  equal("mov.b32 %r4, -3; shr.s32 %r9, %r4, 40;", 0xffffffff);
  equal("mov.b32 %r4, -3; shr.u32 %r9, %r4, 32;", 0);
  equal("mov.b32 %r4, 0x80000000; mul.hi.u32 %r9, %r4, 6;", 3);
  equal("mov.b32 %r4, 0x33221100; mov.b32 %r5, 0x77665544; prmt.b32 %r9, %r4, %r5, 0x7412;", 0x77441122);
  equal("mov.b32 %r4, 0x00000080; prmt.b32 %r9, %r4, 0, 0x888c;", 0xffffff00);
  equal("mov.b32 %r4, 0x12345678; lop3.b32 %r9, %r4, 0x000f000f, 0x64006400, 0xea;", 0x64046408);
  equal("mov.b32 %r4, 0xff; mov.b32 %r5, 0; bfi.b32 %r9, %r4, %r5, 4, 5;", 0x1f0);
  equal("mov.b32 %r4, 1; mov.b32 %r5, 0x80000000; shf.l.wrap.b32 %r9, %r5, %r4, 1;", 3);
  equal("mov.b32 %r4, 0x02fe0103; mov.b32 %r5, 0x04050607; dp4a.s32.s32 %r9, %r4, %r5, 100;", 100 + 8 - 10 + 6 + 21);
  equal("mov.f32 %f1, 0fBF800000; mov.f32 %f2, 0f40000000; copysign.f32 %f3, %f1, %f2; mov.b32 %r9, %f3;", 0xc0000000);
  equal("mov.f32 %f1, 0f7FC00000; max.f32 %f3, %f1, 0f40000000; mov.b32 %r9, %f3;", 0x40000000);
  equal("mov.f32 %f1, 0f7FC00000; setp.neu.f32 %p1, %f1, %f1; selp.b32 %r9, 1, 2, %p1;", 1);
  equal("mov.f32 %f1, 0f7FC00000; setp.lt.f32 %p1, %f1, %f1; selp.b32 %r9, 1, 2, %p1;", 2);
  equal("mov.f32 %f1, 0f3F800000; fma.rm.f32 %f3, %f1, %f1, 0f30000000; mov.b32 %r9, %f3;", 0x3f800000);
  equal("mov.f32 %f1, 0f3F800000; fma.rm.f32 %f3, %f1, %f1, 0fB0000000; mov.b32 %r9, %f3;", 0x3f7fffff);
  equal("mov.f32 %f1, 0f00000001; add.rn.f32 %f3, %f1, %f1; mov.b32 %r9, %f3;", 2);
  equal("mov.f32 %f1, 0fC3000000; cvt.rzi.u32.f32 %r9, %f1;", 0);
  equal("mov.f32 %f1, 0f40200000; cvt.rni.f32.f32 %f2, %f1; mov.b32 %r9, %f2;", 0x40000000);
  equal("mov.f32 %f1, 0f3F800000; mov.f32 %f2, 0f40000000; cvt.rn.f16x2.f32 %r9, %f1, %f2;", 0x3c004000);
  equal("mov.f32 %f1, 0f3F800000; mov.f32 %f2, 0f40000000; cvt.rn.bf16x2.f32 %r9, %f1, %f2;", 0x3f804000);
  equal("mov.b32 %r4, 0x3c013c01; fma.rn.f16x2 %r9, %r4, %r4, %r4;", 0x40024002);
  equal("mov.b32 %r4, 0x64086400; sub.rn.f16x2 %r9, %r4, 0x64006400;", 0x48000000);
  equal("mov.f64 %fd1, 0d3FF0000000000000; mov.b64 {%r4, %r9}, %fd1;", 0x3ff00000);
  equal("{.reg .b16 h; cvt.u16.u32 h, 0x00014000; cvt.f32.f16 %f1, h;} mov.b32 %r9, %f1;", 0x40000000);
  // Half to even, where a sum of doubles would round twice: 1 + 2^-8 (a tie of bf16) and a little more.
  check(Bf16::round(odd_fma(1 + 0x1p-7, 1, 0)) == 0x3f81 && Bf16::round(odd_fma(1.5, 0x1.56p0, -0x1p-80)) == 0x4000, "bf16 fma");
  check(Bf16::round(1 + 0x1p-8) == 0x3f80 && Bf16::round(1 + 0x1p-8 + 0x1p-40) == 0x3f81, "rounding to bf16");
  for (u32 i = 0; i < 65536; i++) {
    const double half = F16::value(i), brain = Bf16::value(i);
    check((std::isnan(half) || F16::round(half) == i) && (std::isnan(brain) || Bf16::round(brain) == i), "16-bit numbers come back");
  }
}

void test_lanes() {
  // Lanes part and meet again: odd ones the long way.
  good("and.b32 %r4, %r0, 1; setp.eq.s32 %p1, %r4, 0; mov.b32 %r9, 1; @%p1 bra $L1; add.s32 %r9, %r0, 5;\n$L1:\n"
       "  shfl.sync.bfly.b32 %r10|%p2, %r9, 1, 31, -1; st.global.u32 [%rd1], %r10;");
  check(memory[4][0] == 10 && memory[5][0] == 1, "parted lanes");
  good("shfl.sync.up.b32 %r4|%p1, %r0, 3, 0, -1; selp.b32 %r5, 1, 0, %p1; shfl.sync.down.b32 %r6, %r0, 2, 0x181f, -1;\n"
       "  shfl.sync.idx.b32 %r7, %r0, 9, 0x181f, -1; st.global.v4.u32 [%rd1], {%r4, %r5, %r6, %r7};");
  check(memory[2][0] == 2 && memory[2][1] == 0 && memory[3][0] == 0 && memory[3][1] == 1, "shfl.up");
  check(memory[5][2] == 7 && memory[6][2] == 6 && memory[20][3] == 17, "shfl.down and idx in parts of eight");
  good("setp.gt.u32 %p1, %r0, 29; vote.sync.ballot.b32 %r4, %p1, -1; st.global.u32 [%rd1], %r4;");
  check(memory[7][0] == 0xc0000000, "ballot");
  bad("setp.gt.u32 %p1, %r0, 15; @%p1 bra $L1; shfl.sync.bfly.b32 %r4, %r0, 1, 31, -1;\n$L1:", "cannot go on");
  bad("setp.gt.u32 %p1, %r0, 15; @%p1 bra $L1; bar.sync 0;\n$L1:", "cannot go on", 64);
  bad("setp.eq.u32 %p1, %r0, 31; @%p1 ret; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r4, %r5, %r6, %r7}, [%r2];", "missing");
  bad("setp.eq.u32 %p1, %r0, 31; @%p1 ret; bar.sync 0;", "cannot go on", 64);
}

void test_memory() {
  bad("st.global.u32 [%rd1+4096], %r0;", "outside of all memory");
  bad("st.global.u32 [%rd1+2], %r0;", "no multiple of 4");
  bad("ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%rd1+8];", "no multiple of 16");
  bad("ld.shared.u32 %r4, [%r3+1024];", "of 1024 bytes");
  bad("ld.shared.v2.u32 {%r4, %r5}, [%r3];", "no multiple of 8");
  bad("ld.param.u64 %rd2, [out+8];", "parameter");
  bad("tan.f32 %f1, %f2;", "not known: tan.f32");
  bad("add.s64 %r4, %r5, %r6;", "another width");
  bad("mad.lo.cc.s32 %r4, %r4, %r4, %r4;", "not known");
}

void test_races() {
  const std::string store = "st.shared.u32 [%r3], %r0; ", load = "ld.shared.u32 %r4, [%r5]; ";
  const std::string other = "xor.b32 %r6, %r1, 4; add.s32 %r5, %r2, %r6; ";         // of the neighbour
  const std::string far = "xor.b32 %r6, %r1, 128; add.s32 %r5, %r2, %r6; ";         // of another warp
  bad(other + store + load, "race");
  good(other + store + "bar.warp.sync -1; " + load);
  bad(far + store + "bar.warp.sync -1; " + load, "race", 64);
  good(far + store + "bar.sync 0; " + load, 64);
  bad(far + store + "bar.sync 0; " + load + store, "race", 64);
  bad(far + store + "bar.sync 0; " + load + "add.s32 %r0, %r0, 1; " + store, "race", 64);
  bad("st.shared.u32 [%r2], %r0;", "race");
  good("st.shared.u32 [%r2], 7;");
  good("add.s32 %r5, %r2, %r0; st.shared.u8 [%r5], %r0;");
  bad("add.s32 %r5, %r2, %r0; st.shared.u8 [%r5], %r0; ld.shared.u32 %r4, [%r2];", "race");
  bad(store + "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, [%r2];", "race");
}

void test_copies() {
  const std::string copy = "shl.b32 %r4, %r0, 4; add.s32 %r5, %r2, %r4; cp.async.cg.shared.global [%r5], [%rd1], 16, 12; ";
  const std::string read = "ld.shared.v4.u32 {%r8, %r9, %r10, %r11}, [%r5]; st.global.v4.u32 [%rd1+16], {%r8, %r9, %r10, %r11};";
  const std::string wait = "cp.async.wait_group 0; ", group = "cp.async.commit_group; ";
  bad(copy + group + read, "has not arrived");
  bad(copy + wait + read, "has not arrived");
  bad(copy + group + group + "cp.async.wait_group 2; " + read, "has not arrived");
  bad(copy + group, "ends before");
  for (auto& row : memory) row = {1, 2, 3, 4};
  good(copy + group + wait + read);
  check(memory[31][4] == 1 && memory[31][6] == 3 && memory[31][7] == 0, "cp.async with zeros behind its bytes");
  good(copy + group + group + "cp.async.wait_group 1; " + read);
  bad(copy + group + wait + "xor.b32 %r5, %r5, 512; " + read, "race", 64);
}

}  // namespace

int main() {
  test_results();
  test_lanes();
  test_memory();
  test_races();
  test_copies();
  std::printf("interpreter_test: %d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
