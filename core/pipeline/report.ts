/**
 * What a run reports.
 *
 * @module
 */

import type { BitPlan } from "../planning/bit_plan.ts";
import type { LinearReport } from "../plugin.ts";
import type { RuleReport } from "../rules/layer_rule.ts";
import type { Stage } from "./events.ts";
import type { ExpertReport } from "./expert_tally.ts";
import type { MemoryPlan } from "./memory_plan.ts";

/** What a run reports; the fields of `salient quantize --json`. */
export interface QuantizeReport {
  /** Directory of the model. */
  readonly model: string;
  /** Names of the plugins in the order in which they ran, joined by `+`. */
  readonly method: string;
  /** Bits of an integer; null where nothing was quantized (a dry run) or linears differ. */
  readonly bits: number | null;
  /** Inputs that share a scale; -1 for whole rows, null as for `bits`. */
  readonly groupSize: number | null;
  /** Format of the checkpoint, `"memory"` where there is none. */
  readonly format: string;
  /** Directory of the checkpoint; null where there is none. */
  readonly out: string | null;
  /** Name of the backend. */
  readonly backend: string;
  /** Time for everything, in seconds. */
  readonly seconds: number;
  /** Calibration tokens seen. */
  readonly calibrationTokens: number;
  /** Highest resident set size of the process so far, in bytes. */
  readonly peakRssBytes: number;
  /** Most bytes taken of the device's own memory so far; null where the backend has none. */
  readonly peakDeviceBytes: number | null;
  /** Bytes of the original's tensors. */
  readonly bytesBefore: number;
  /** Bytes of the result's tensors; 0 for a dry run. */
  readonly bytesAfter: number;
  /** Whether nothing was done but checking. */
  readonly dryRun: boolean;
  /** Blocks that an interrupted run had done and that were not done again; of a dry run, those that would not be. */
  readonly resumedBlocks: number;
  /** Every linear inside the blocks, in order; with method `"none"` where it stays plain. */
  readonly layers: readonly LinearReport[];
  /** How bits were chosen, where a target was given; null where none was, and in a dry run. */
  readonly bitPlan: BitPlan | null;
  /** The rules that were given, each with the number of linears that it names; those of a plan are in the plan. */
  readonly rules: readonly RuleReport[];
  /**
   * Bits for each weight inside the blocks, scales and zero points included: the integers as they are, not
   * their containers. 0 for a dry run.
   */
  readonly bitsPerWeight: number;
  /** Experts that saw too few calibration tokens; null where there are none, or nothing was observed. */
  readonly experts: ExpertReport | null;
  /** Time for each stage, in seconds. */
  readonly stages: Readonly<Partial<Record<Stage, number>>>;
  /** What the run was predicted to need. */
  readonly plan: MemoryPlan;
}
