/**
 * Says whether an engine will load a checkpoint.
 *
 * @module
 */

import { families } from "../model/families/find_family.ts";
import type { Model, StoredLinear } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import { type FormatSupport, type LintTarget, TARGETS, type TargetSupport } from "./lint_target.ts";
import { isOrdered } from "./is_ordered.ts";
import { storedFormat } from "./stored_format.ts";
import { lintParallel, type ParallelFit } from "./lint_parallel.ts";

/** Something that an engine will not take, or not well. */
export interface LintFinding {
  /** `"error"`: it will not load, or compute something else; `"warning"`: slow, or newer versions only. */
  readonly severity: "error" | "warning";
  /** What is wrong and what to do. */
  readonly message: string;
  /** Full names of the linears it is about; empty where it is about all. */
  readonly linears: readonly string[];
}

/** What {@linkcode lintModel} finds. */
export interface LintReport {
  /** The engine. */
  readonly target: LintTarget;
  /** Whether there is no error. */
  readonly loads: boolean;
  /** What was found. */
  readonly findings: readonly LintFinding[];
  /** Over how many devices the linears can be spread; empty where the engine does not. */
  readonly tensorParallel: readonly ParallelFit[];
}

/** A quantized linear. */
interface Stored {
  readonly info: LinearInfo;
  readonly stored: StoredLinear;
}

/**
 * Compares a checkpoint with what an engine reads by its own sources: formats, bits, groups, symmetry, sizes of its
 * kernels, linears that it joins, and sizes under tensor parallelism. The engine itself is not run.
 *
 * @example A plain model and llama.cpp
 * ```ts
 * import { createReferenceBackend, lintModel, openModel } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * using model = await openModel("models/salient-tiny", backend);
 * const { loads, findings } = lintModel(model, "llama.cpp");
 * assert.equal(loads, false);
 * assert.match(findings[0]?.message ?? "", /salient convert/);
 * ```
 */
export function lintModel(model: Model, target: LintTarget): LintReport {
  const engine = TARGETS[target];
  const format = storedFormat(model);
  const support = Object.hasOwn(engine.formats, format) ? engine.formats[format] : undefined;
  if (support === undefined) {
    const known = Object.keys(engine.formats).join(", ");
    const advice = target === "llama.cpp"
      ? "write one with salient convert --format gguf"
      : `choose one of these with --format, or with salient convert`;
    const message = `${target} does not read ${format}; it reads ${known}: ${advice}`;
    const findings: LintFinding[] = [{ severity: "error", message, linears: [] }];
    return { target, loads: false, findings, tensorParallel: [] };
  }
  const linears = model.linears.flatMap((info): Stored[] => {
    const stored = model.quantization?.of(info);
    return stored === undefined ? [] : [{ info, stored }];
  });
  const findings = [
    ...lintNote(target, support),
    ...lintFamily(target, model),
    ...lintBits(target, support, linears),
    ...lintSymmetry(target, support, linears),
    ...lintZeroPoints(target, support, linears),
    ...lintExperts(target, support, linears),
    ...lintGroups(target, support, linears),
    ...lintOrder(target, engine, model, linears),
    ...lintShapes(target, support, linears),
    ...lintPlain(target, linears),
    ...lintFused(target, engine, model),
  ];
  return {
    target,
    loads: findings.every(({ severity }) => severity !== "error"),
    findings,
    tensorParallel: engine.tensorParallel ? lintParallel(model, support) : [],
  };
}

function lintNote(target: string, { note }: FormatSupport): LintFinding[] {
  if (note === undefined) return [];
  return [{ severity: "warning", message: `${target}: ${note}`, linears: [] }];
}

/** A model that only a user's file describes. */
function lintFamily(target: string, { family, config }: Model): LintFinding[] {
  if (families.includes(family)) return [];
  const message =
    `${config.architecture} is known from a file only: whether ${target} runs it was not checked`;
  return [{ severity: "warning", message, linears: [] }];
}

function namesOf(linears: readonly Stored[]): readonly string[] {
  return linears.map(({ info }) => info.name);
}

function lintBits(
  target: string,
  { bits, newerBits = [] }: FormatSupport,
  linears: readonly Stored[],
): LintFinding[] {
  if (bits === undefined) return [];
  const findings: LintFinding[] = [];
  const newer = linears.filter(({ stored }) => newerBits.includes(stored.bits));
  if (newer.length > 0) {
    const found = [...new Set(newer.map(({ stored }) => stored.bits))].join(" and ");
    const message = `only newer versions of ${target} read ${found} bits; ${
      bits.join(" and ")
    } are read by all`;
    findings.push({ severity: "warning", message, linears: namesOf(newer) });
  }
  const wrong = linears.filter(({ stored }) =>
    !bits.includes(stored.bits) && !newerBits.includes(stored.bits)
  );
  if (wrong.length > 0) {
    const found = [...new Set(wrong.map(({ stored }) => stored.bits))].join(" and ");
    const message = `${target} reads ${
      bits.join(", ")
    } bits in this format, not ${found}: quantize to those`;
    findings.push({ severity: "error", message, linears: namesOf(wrong) });
  }
  return findings;
}

function lintSymmetry(
  target: string,
  { symmetricOnly }: FormatSupport,
  linears: readonly Stored[],
): LintFinding[] {
  const wrong = linears.filter(({ stored }) => symmetricOnly === true && !stored.symmetric);
  if (wrong.length === 0) return [];
  const message =
    `${target} reads only symmetric grids in this format: quantize with --symmetric, or convert to ` +
    `awq-gemm or pack-quantized`;
  return [{ severity: "error", message, linears: namesOf(wrong) }];
}

/** Kernels with zero points know fewer bits than those without. */
function lintZeroPoints(
  target: string,
  { zeroPointBits }: FormatSupport,
  linears: readonly Stored[],
): LintFinding[] {
  const wrong = linears.filter(({ stored }) =>
    zeroPointBits !== undefined && !stored.symmetric && !zeroPointBits.includes(stored.bits)
  );
  if (wrong.length === 0 || zeroPointBits === undefined) return [];
  const found = [...new Set(wrong.map(({ stored }) => stored.bits))].join(" and ");
  const message =
    `the kernels of ${target} for asymmetric grids have ${
      zeroPointBits.join(", ")
    } bits, not ${found}: ` +
    `quantize these with --symmetric`;
  return [{ severity: "error", message, linears: namesOf(wrong) }];
}

function lintExperts(
  target: string,
  { symmetricExperts }: FormatSupport,
  linears: readonly Stored[],
): LintFinding[] {
  const wrong = linears.filter(({ info, stored }) =>
    symmetricExperts === true && info.expert !== undefined && !stored.symmetric
  );
  if (wrong.length === 0) return [];
  const message =
    `${target} reads experts in this format only on symmetric grids: quantize these with --symmetric, or convert to awq-gemm`;
  return [{ severity: "error", message, linears: namesOf(wrong) }];
}

/** Groups of inputs that are not neighbours. */
function lintOrder(
  target: string,
  { tensorParallel }: TargetSupport,
  model: Model,
  linears: readonly Stored[],
): LintFinding[] {
  const found = linears.filter(({ info }) => tensorParallel && isOrdered(model, info));
  if (found.length === 0) return [];
  const message =
    `${target} has the inputs of these put in order at run time (desc_act), and on several devices the scales of o ` +
    `and down whole on each, without its newest kernels: slower than groups of neighbours`;
  return [{ severity: "warning", message, linears: namesOf(found) }];
}

function lintGroups(
  target: string,
  { groups }: FormatSupport,
  linears: readonly Stored[],
): LintFinding[] {
  const wrong = linears.filter(({ info, stored }) =>
    groups !== undefined && !groups.includes(stored.groupSize) &&
    !(groups.includes(-1) && stored.groupSize === info.shape[1])
  );
  if (wrong.length === 0 || groups === undefined) return [];
  const sizes = [...new Set(wrong.map(({ stored }) => stored.groupSize))].join(" and ");
  const message =
    `the fast kernels of ${target} have groups of ${
      groups.join(", ")
    }, not of ${sizes}: it may refuse ` +
    `them, or be slow`;
  return [{ severity: "warning", message, linears: namesOf(wrong) }];
}

function lintShapes(
  target: string,
  { fastShape }: FormatSupport,
  linears: readonly Stored[],
): LintFinding[] {
  if (fastShape === undefined) return [];
  const [outputs, inputs] = fastShape;
  const wrong = linears.filter(({ info: { shape } }) =>
    shape[0] % outputs !== 0 || shape[1] % inputs !== 0
  );
  if (wrong.length === 0) return [];
  const message =
    `the fast kernels of ${target} need outputs that divide by ${outputs} and inputs that divide by ` +
    `${inputs}: these linears are padded, run slowly, or are refused by older versions`;
  return [{ severity: "warning", message, linears: namesOf(wrong) }];
}

/** Routers and what weighs a shared expert: engines keep them in floating point. */
function lintPlain(target: string, linears: readonly Stored[]): LintFinding[] {
  const wrong = linears.filter(({ info }) => info.plain === true);
  if (wrong.length === 0) return [];
  const message = `${target} keeps routers in floating point: leave them plain`;
  return [{ severity: "error", message, linears: namesOf(wrong) }];
}

/** Linears that are joined must all be plain, or all on one grid. */
function lintFused(
  target: string,
  { fused, joinsExperts }: TargetSupport,
  model: Model,
): LintFinding[] {
  const wrong: string[] = [];
  const unlike: string[] = [];
  for (let block = 0; block < model.config.blocks; block++) {
    const here = model.linears.filter((linear) => linear.block === block);
    const experts = here.filter(({ expert }) => expert !== undefined);
    for (const roles of fused) {
      const joined = here.filter(({ role, expert }) => {
        return expert === undefined && roles.includes(role);
      });
      if (kindsOf(joined, model) > 1) wrong.push(...joined.map(({ name }) => name));
    }
    if (joinsExperts && kindsOf(experts, model) > 1) {
      unlike.push(...experts.map(({ name }) => name));
    }
  }
  const joins = `${target} joins`;
  return [
    ...wrong.length === 0 ? [] : [
      {
        severity: "error",
        message:
          `${joins} q, k and v, and gate and up, which must be stored alike: give them one grid`,
        linears: wrong,
      } as const,
    ],
    ...unlike.length === 0 ? [] : [
      {
        severity: "error",
        message:
          `${joins} the experts of a block, which must be stored alike: give all of them one grid`,
        linears: unlike,
      } as const,
    ],
  ];
}

/** In how many ways some linears are stored. */
function kindsOf(linears: readonly LinearInfo[], model: Model): number {
  const kinds = linears.map((linear) => JSON.stringify(model.quantization?.of(linear) ?? null));
  return new Set(kinds).size;
}
