/**
 * The pass over the blocks that measures what bits do.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { blockPrecision } from "../pipeline/block_precision.ts";
import { checkWeights } from "../pipeline/check_weights.ts";
import { embedWindows } from "../pipeline/forward_pass.ts";
import type { PreparedRun } from "../pipeline/prepare_run.ts";
import { checkAborted } from "../pipeline/until_aborted.ts";
import { widenBlock } from "../pipeline/widen_block.ts";
import type { MenuItem } from "./bit_menu.ts";
import { BlockProbe } from "./probe_block.ts";

/** Calibration tokens on which errors are measured. */
const PROBE_TOKENS = 2048;

/**
 * Measures, on up to 2,048 calibration tokens, the error of each choice of each linear, as {@linkcode BlockProbe}
 * counts it. One block is in memory at a time.
 *
 * @returns By full name, in the order of the choices.
 */
export async function measureErrors(
  run: PreparedRun,
  menu: readonly MenuItem[],
): Promise<ReadonlyMap<string, readonly number[]>> {
  const { model, ops, emit, plan, signal } = run;
  const windows = probeWindows(run);
  const wanted = new Map(
    menu.flatMap(({ linears, grids }) =>
      linears.map(({ name }, i) => [name, grids.map((row) => row[i]!)] as const)
    ),
  );
  const errors = new Map<string, readonly number[]>();
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) / 1000;
  emit({ type: "stage", stage: "bits", state: "start", seconds: 0 });
  await using hidden = await embedWindows(run, windows, undefined);
  const { blocks } = model.config;
  for (let index = 0; index < blocks; index++) {
    using block = await widenBlock(ops, await model.loadBlock(index));
    const event = { type: "block", index, blocks, name: block.name } as const;
    const left = (done: number): number | undefined =>
      done === 0 ? undefined : elapsed() / done * (blocks - done);
    emit({ ...event, state: "start", seconds: elapsed(), secondsLeft: left(index) });
    await checkWeights(ops, model, block);
    const infos = [...block.linears.values()].map(({ info }) => info.name);
    const grids = new Map([...wanted].filter(([name]) => infos.includes(name)));
    const precision = blockPrecision(model, block);
    const probe = new BlockProbe({ ops, block, grids, precision });
    for (let first = 0; first < windows.samples; first += plan.batch) {
      const count = Math.min(plan.batch, windows.samples - first);
      using input = await hidden.read(first, count);
      using output = await probe.add(input, count, () => checkAborted(signal));
      await hidden.write(first, output);
    }
    for (const [name, found] of probe.errors()) errors.set(name, found);
    model.releaseBlock(index);
    run.relieve();
    emit({ ...event, state: "finish", seconds: elapsed(), secondsLeft: left(index + 1) });
  }
  emit({ type: "stage", stage: "bits", state: "finish", seconds: elapsed() });
  return errors;
}

/** Calibration windows, spread evenly over all. */
function probeWindows({ calibration }: PreparedRun): NonNullable<PreparedRun["calibration"]> {
  if (calibration === undefined) throw new SalientError("failed", "There is no calibration");
  const { ids, samples, seqLen } = calibration;
  const count = Math.max(1, Math.min(samples, Math.floor(PROBE_TOKENS / seqLen)));
  const some = new Int32Array(count * seqLen);
  for (let i = 0; i < count; i++) {
    const window = Math.floor(i * samples / count);
    some.set(ids.subarray(window * seqLen, (window + 1) * seqLen), i * seqLen);
  }
  return { ids: some, samples: count, seqLen };
}
