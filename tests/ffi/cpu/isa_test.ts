import assert from "node:assert/strict";
import { createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";

Deno.test("instruction sets of another architecture are refused by name", () => {
  const others = Deno.build.arch === "aarch64"
    ? ["avx2", "avx512", "avx512bf16"] as const
    : ["neon", "neondot", "neonbf16"] as const;
  for (const isa of others) {
    assert.throws(() => createCpuBackend({ isa }), {
      code: "backend",
      message: `Cannot run isa: This processor lacks ${isa}`,
    });
  }
});
