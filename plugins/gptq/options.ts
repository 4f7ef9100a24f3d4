/**
 * The options of GPTQ and their check.
 *
 * @module
 */

import {
  checkGridOptions,
  checkOptionNames,
  type GridOptions,
  SalientError,
} from "../../core/plugin.ts";

/** How the ends of the groups' ranges are searched before the rounding. */
export interface RangeOptions {
  /** Ends tried for each group, from 1 down. Default 10. */
  steps?: number;
  /** Ends lie between 1 and `1 - maxShrink` (exclusive) of the group's largest weight. Default 0.5. */
  maxShrink?: number;
  /** How often the groups of a row are visited. Default 1. */
  sweeps?: number;
}

/** What {@linkcode gptq} takes: the grid, and how columns are ordered and errors damped. */
export interface GptqOptions extends GridOptions {
  /**
   * Part of the mean diagonal of the Gram that is added to its diagonal, so that errors are not pushed far into
   * inputs that hardly vary. It is raised tenfold while the matrix is not positive definite; for an expert it is at least
   * its inputs over the tokens that it saw. Default 0.01.
   */
  damping?: number;
  /**
   * The order in which columns are rounded. `"activation"`: the largest inputs first (act-order). `"groups"`: groups
   * with the largest inputs first, and so within each. `"natural"`: as they are. Default `"activation"`.
   */
  order?: "activation" | "groups" | "natural";
  /**
   * Whether the grid is fitted to the weights as they are (`"static"`), or to each group once what the
   * columns before ask of it is known (`"dynamic"`; not with the order `"activation"`, which would need an index of
   * every input's group at run time). Default `"static"`.
   */
  groups?: "static" | "dynamic";
  /**
   * Whether the ends of each group's range are searched first, to lessen the error that plain rounding would make,
   * and how. Default true, but false for dynamic groups, whose ranges are not known beforehand.
   */
  ranges?: boolean | RangeOptions;
  /**
   * Whether the inputs of a linear are observed after the linears before it in the block have been quantized
   * (`true_sequential`), which runs the block several times. Default false: it was no gain once ranges are searched.
   */
  sequential?: boolean;
  /** Whether the next block sees the outputs of the quantized block. Default true. */
  propagate?: boolean;
}

/** {@linkcode GptqOptions} with every default filled in. */
export interface ResolvedGptqOptions {
  readonly grid: GridOptions;
  readonly damping: number;
  readonly order: "activation" | "groups" | "natural";
  readonly groups: "static" | "dynamic";
  readonly ranges: Required<RangeOptions> | undefined;
  readonly sequential: boolean;
  readonly propagate: boolean;
}

const NAMES: readonly (keyof GptqOptions)[] = [
  "bits",
  "groupSize",
  "symmetric",
  "scaleDtype",
  "range",
  "damping",
  "order",
  "groups",
  "ranges",
  "sequential",
  "propagate",
];

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {SalientError} `usage`, naming the option and what it may be.
 */
export function resolveGptqOptions(options: GptqOptions): ResolvedGptqOptions {
  checkOptionNames("gptq", options, NAMES);
  const { bits, groupSize, symmetric, scaleDtype, range, damping = 0.01 } = options;
  const grid: GridOptions = {
    ...(bits === undefined ? {} : { bits }),
    ...(groupSize === undefined ? {} : { groupSize }),
    ...(symmetric === undefined ? {} : { symmetric }),
    ...(scaleDtype === undefined ? {} : { scaleDtype }),
    ...(range === undefined ? {} : { range }),
  };
  checkGridOptions(grid);
  if (typeof damping !== "number" || !(damping >= 0 && damping <= 100)) {
    refuse(`Option damping of gptq must lie from 0 to 100 but is ${damping}`);
  }
  const order = oneOf("order", options.order ?? "activation", ["activation", "groups", "natural"]);
  const groups = oneOf("groups", options.groups ?? "static", ["static", "dynamic"]);
  if (groups === "dynamic" && order === "activation") {
    refuse(
      `Option groups of gptq cannot be dynamic with the order activation: use the order groups`,
    );
  }
  const ranges = resolveRanges(options.ranges ?? groups === "static");
  if (groups === "dynamic" && ranges !== undefined) {
    refuse(`Option ranges of gptq needs static groups: a dynamic group has no range to search yet`);
  }
  return {
    grid,
    damping,
    order,
    groups,
    ranges,
    sequential: oneOf("sequential", options.sequential ?? false, [true, false]),
    propagate: oneOf("propagate", options.propagate ?? true, [true, false]),
  };
}

function resolveRanges(ranges: boolean | RangeOptions): Required<RangeOptions> | undefined {
  if (ranges === false) return undefined;
  if (typeof ranges !== "boolean" && (typeof ranges !== "object" || ranges === null)) {
    refuse(`Option ranges of gptq must be true, false or an object but is ${ranges}`);
  }
  const { steps = 10, maxShrink = 0.5, sweeps = 1, ...rest } = ranges === true ? {} : ranges;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) {
    refuse(`Option ranges.${unknown} of gptq is unknown: use steps, maxShrink, sweeps`);
  }
  if (typeof maxShrink !== "number" || !(maxShrink > 0 && maxShrink <= 1)) {
    refuse(`Option ranges.maxShrink of gptq must lie above 0 and at most at 1 but is ${maxShrink}`);
  }
  return { steps: whole("ranges.steps", steps), maxShrink, sweeps: whole("ranges.sweeps", sweeps) };
}

function whole(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= 1000) return value;
  return refuse(`Option ${name} of gptq must be a whole number from 1 to 1000 but is ${value}`);
}

function oneOf<T extends string | boolean>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  return refuse(`Option ${name} of gptq must be ${allowed.join(" or ")} but is ${value}`);
}

function refuse(message: string): never {
  throw new SalientError("usage", message, { plugin: "gptq" });
}
