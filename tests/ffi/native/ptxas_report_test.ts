import assert from "node:assert/strict";
import { readPtxasReport } from "../../../ffi/native/ptxas_report.ts";

/** As nvcc 13.0 writes it with -Xptxas=-v. */
const REPORT = `ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z7productv' for 'sm_90a'
ptxas info    : Function properties for _Z7productv
    24 bytes stack frame, 20 bytes spill stores, 16 bytes spill loads
ptxas info    : Used 128 registers, used 1 barriers, 24 bytes cumulative stack size, 33792 bytes smem
ptxas info    : Compile time = 179.541 ms
ptxas info    : Compiling entry function '_Z3addPf' for 'sm_80'
ptxas info    : Function properties for _Z3addPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 10 registers, used 0 barriers, 376 bytes cmem[0]
ptxas info    : Compile time = 2.100 ms
`;

Deno.test("ptxas report: each kernel's registers, stack and shared memory are read", () => {
  assert.deepEqual(readPtxasReport(REPORT), [
    {
      kernel: "_Z7productv",
      architecture: "sm_90a",
      registers: 128,
      stackBytes: 24,
      spillBytes: 20,
      sharedBytes: 33792,
    },
    {
      kernel: "_Z3addPf",
      architecture: "sm_80",
      registers: 10,
      stackBytes: 0,
      spillBytes: 0,
      sharedBytes: 0,
    },
  ]);
  assert.deepEqual(readPtxasReport("ptxas info    : 0 bytes gmem"), []);
});
