/**
 * Compares the CPU backend with integers of `tools/golden_gptq.py --shape NxK --out FILE`.
 *
 *     deno run --allow-read --allow-ffi tools/check_gptq.ts FILE
 *
 * @module
 */

import { createCpuBackend } from "../ffi/cpu/cpu_backend.ts";
import { compareGolden, type GoldenCase } from "../tests/ffi/golden_gptq.ts";

const [path = ""] = Deno.args;
const { cases } = JSON.parse(await Deno.readTextFile(path)) as { cases: GoldenCase[] };
using backend = createCpuBackend();
for (const golden of cases) {
  for (const result of await compareGolden(backend, golden)) {
    const { label, different, total, gridDifferent, lossRatio, lossOff } = result;
    const equal = ((1 - different / total) * 100).toFixed(4);
    console.log(
      `${label}: ${equal} % of ${total} integers equal, ${gridDifferent} bytes of the grid differ, ` +
        `loss ${(lossRatio * 100).toFixed(5)} % off, returned loss ${(lossOff * 100).toFixed(5)} %`,
    );
  }
}
