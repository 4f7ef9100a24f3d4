/**
 * Quantizes a model within a memory limit and prints what it took, for `memory_test.ts`.
 *
 * @module
 */

import type { CalibrationSet } from "../../../core/calibration/types.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import type { QuantizeReport } from "../../../core/pipeline/report.ts";
import type { Plugin } from "../../../core/plugin.ts";
import { createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";
import { gptq } from "../../../plugins/gptq/mod.ts";
import { folding, GROUPED, nearest, tinyCalibration, Workshop } from "./pipeline_fixtures.ts";

const METHODS: Readonly<Record<string, () => Plugin>> = {
  nearest,
  folding: () => folding({ absMean: true, gram: true }),
  gptq: () => gptq({ groupSize: 16, ranges: { steps: 2 } }),
};

const [method = "", model = "", out = "", limit] = Deno.args;
using backend = createCpuBackend();

async function run(
  directory: string,
  target: string,
  memory: number,
  calibration: CalibrationSet,
): Promise<{ allocated: number; report: QuantizeReport }> {
  let allocated = 0;
  function look(): void {
    allocated = Math.max(allocated, backend.allocatedBytes());
  }
  const timer = setInterval(look, 1);
  const plugin = METHODS[method]!();
  const report = await quantize({
    model: directory,
    backend,
    plugins: [plugin],
    calibration,
    format: "awq-gemm",
    out: target,
    memory,
    onEvent: look,
  });
  clearInterval(timer);
  return { allocated, report };
}

// One small run first, so that code and threads are there and the rest is the model's.
{
  await using workshop = await Workshop.create(GROUPED);
  await run(workshop.model, workshop.out, 1 << 30, tinyCalibration());
}
const before = backend.peakRssBytes();
const { allocated, report } = await run(model, out, Number(limit), tinyCalibration(8, 128, 512));
using reopened = await openModel(out, backend);
console.log(JSON.stringify({
  growth: report.peakRssBytes - before,
  allocated,
  plan: report.plan,
  bytesBefore: report.bytesBefore,
  linears: report.layers.length,
  format: reopened.quantization?.format,
  errors: report.layers.map(({ error }) => error),
}));
