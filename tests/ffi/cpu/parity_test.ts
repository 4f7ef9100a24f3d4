import { type CpuIsa, createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";
import { runBackendSuite } from "../backend_suite.ts";

/** Whether this processor has an instruction set; others are left out. */
function has(isa: CpuIsa): boolean {
  try {
    createCpuBackend({ isa })[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

const ISAS: readonly CpuIsa[] = ["scalar", "avx2", "avx512", "avx512bf16"];

for (const isa of ISAS.filter(has)) {
  runBackendSuite(`cpu ${isa}`, () => createCpuBackend({ isa, threads: 2 }));
}
