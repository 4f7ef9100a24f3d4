/**
 * What a run tells while it works.
 *
 * @module
 */

import type { LinearReport } from "../plugin.ts";
import type { MemoryPlan } from "./memory_plan.ts";

/**
 * A part of a run: choosing bits for a target, writing blocks again that were done before an interruption, reading the
 * calibration windows in, the blocks, the tensors between them, the check.
 */
export type Stage = "bits" | "resume" | "embed" | "blocks" | "copy" | "verify";

/** A stage begins or ends. */
export interface StageEvent {
  /** Tells the events apart. */
  readonly type: "stage";
  /** Which part of the run. */
  readonly stage: Stage;
  /** Whether it begins or ends. */
  readonly state: "start" | "finish";
  /** Time since it began, in seconds. */
  readonly seconds: number;
}

/** What the run is going to need; comes before any work. */
export interface PlanEvent {
  /** Tells the events apart. */
  readonly type: "plan";
  /** The prediction and the choices that follow from it. */
  readonly plan: MemoryPlan;
}

/** A run goes on where one before it was interrupted. */
export interface ResumeEvent {
  /** Tells the events apart. */
  readonly type: "resume";
  /** Blocks that were done then. */
  readonly done: number;
  /** Blocks in all. */
  readonly blocks: number;
}

/** A block begins or ends. */
export interface BlockEvent {
  /** Tells the events apart. */
  readonly type: "block";
  /** Whether it begins or ends. */
  readonly state: "start" | "finish";
  /** Its index, from 0. */
  readonly index: number;
  /** Number of blocks. */
  readonly blocks: number;
  /** Its name. */
  readonly name: string;
  /** Time since the first block of this process began, in seconds. */
  readonly seconds: number;
  /** Estimated time for the blocks that are left, in seconds; undefined during the first one. */
  readonly secondsLeft: number | undefined;
}

/** The calibration windows have passed a block, in part. */
export interface ForwardEvent {
  /** Tells the events apart. */
  readonly type: "forward";
  /** Index of the block. */
  readonly index: number;
  /** Windows that have passed it. */
  readonly done: number;
  /** Windows in all. */
  readonly total: number;
}

/** A linear has been quantized. */
export interface LinearEvent {
  /** Tells the events apart. */
  readonly type: "linear";
  /** Its figures. */
  readonly report: LinearReport;
  /** Linears done so far. */
  readonly done: number;
  /** Linears in all. */
  readonly total: number;
}

/** A plugin reported figures. */
export interface NoteEvent {
  /** Tells the events apart. */
  readonly type: "note";
  /** Who reported. */
  readonly plugin: string;
  /** The linear or set that the figures are of. */
  readonly tensor: string;
  /** The figures. */
  readonly figures: Readonly<Record<string, number | string | boolean>>;
}

/** Words for the user. */
export interface LogEvent {
  /** Tells the events apart. */
  readonly type: "log";
  /** `"info"`: may want to know; `"warn"`: should know. */
  readonly level: "info" | "warn";
  /** The plugin that speaks; undefined where it is the pipeline. */
  readonly plugin: string | undefined;
  /** One line. */
  readonly message: string;
}

/** Anything that a run tells while it works. */
export type PipelineEvent =
  | StageEvent
  | PlanEvent
  | ResumeEvent
  | BlockEvent
  | ForwardEvent
  | LinearEvent
  | NoteEvent
  | LogEvent;

/** Takes the events of a run. */
export type EventListener = (event: PipelineEvent) => void;
