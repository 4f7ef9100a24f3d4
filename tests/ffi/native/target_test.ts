import assert from "node:assert/strict";
import { architectureOf, compileFlags, sourceFiles } from "../../../ffi/native/build_plan.ts";
import { hostTarget, PREBUILT_TARGETS, targetNamed } from "../../../ffi/native/target.ts";

Deno.test("a file belongs to the architecture of the instruction set in its name, or to all", () => {
  assert.equal(architectureOf("cpu/level_avx2.cpp"), "x86_64");
  assert.equal(architectureOf("cpu/loops_packed_avx512bf16.h"), "x86_64");
  assert.equal(architectureOf("cpu/simd_neon.h"), "aarch64");
  assert.equal(architectureOf("cpu/level_neondot.cpp"), "aarch64");
  assert.equal(architectureOf("cpu/level_scalar.cpp"), undefined);
  assert.equal(architectureOf("salient.h"), undefined);
});

Deno.test("each architecture has its own levels and all of the rest", () => {
  const x86 = sourceFiles("x86_64");
  const arm = sourceFiles("aarch64");
  assert.ok(x86.includes("cpu/level_avx512.cpp") && !x86.includes("cpu/level_neon.cpp"));
  assert.ok(arm.includes("cpu/level_neon.cpp") && !arm.includes("cpu/level_avx512.cpp"));
  const common = x86.filter((path) => architectureOf(path) === undefined);
  assert.deepEqual(common, arm.filter((path) => architectureOf(path) === undefined));
  assert.ok(common.includes("cpu/linear.cpp") && common.includes("salient.h"));
});

Deno.test("only what a level needs is asked of the compiler, and never contraction", () => {
  const machine = (path: string) => compileFlags(path).filter((flag) => flag.startsWith("-m"));
  assert.deepEqual(machine("cpu/level_neon.cpp"), []);
  assert.deepEqual(machine("cpu/level_neondot.cpp"), ["-march=armv8.2-a+dotprod"]);
  assert.deepEqual(machine("cpu/level_neonbf16.cpp"), ["-march=armv8.2-a+dotprod+bf16"]);
  assert.deepEqual(machine("cpu/linear.cpp"), []);
  for (const path of [...sourceFiles("aarch64"), ...sourceFiles("x86_64")]) {
    assert.ok(compileFlags(path).includes("-ffp-contract=off"), path);
  }
});

Deno.test("targetNamed() knows this system and those whose library is committed, and no other", () => {
  assert.deepEqual(targetNamed(hostTarget().name), hostTarget());
  if (Deno.build.os === "linux" && Deno.build.arch === "x86_64") {
    for (const name of PREBUILT_TARGETS) assert.equal(targetNamed(name)?.name, name);
  }
  assert.equal(targetNamed("windows-riscv"), undefined);
});
