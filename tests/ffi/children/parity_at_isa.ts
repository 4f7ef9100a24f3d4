/**
 * The parity suite at the instruction set named by the first argument, where the processor has it.
 *
 * @module
 */

import { SalientError } from "../../../core/errors.ts";
import { type CpuIsa, createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";
import { runBackendSuite } from "../backend_suite.ts";

const isa = Deno.args[0] as CpuIsa;

function has(): boolean {
  try {
    createCpuBackend({ isa })[Symbol.dispose]();
    return true;
  } catch (error) {
    if (error instanceof SalientError && error.message.includes("processor lacks")) return false;
    throw error;
  }
}

if (has()) runBackendSuite(`cpu ${isa}`, () => createCpuBackend({ isa }));
