/**
 * The options of AWQ and their check.
 *
 * @module
 */

import {
  checkGridOptions,
  checkOptionNames,
  type GridOptions,
  SalientError,
} from "../../core/plugin.ts";

/** How far and how finely weights may be clipped. */
export interface ClipOptions {
  /** Bounds tried for each group, from 1 down. Default 10. */
  steps?: number;
  /** Bounds lie between 1 and `1 - maxShrink` (exclusive) of the group's largest weight. Default 0.5. */
  maxShrink?: number;
  /**
   * How often the groups of a row are visited. In each visit the two ends of the group's range move, each
   * by itself, to where the error of the whole row's output is least. 0 for the published search instead: one bound for
   * both ends, each group by itself. Default 2.
   */
  sweeps?: number;
}

/** What {@linkcode awq} takes: the grid, and how scales and clip bounds are searched. */
export interface AwqOptions extends GridOptions {
  /** Exponents tried, evenly from 0 to 1. Default 20. */
  gridPoints?: number;
  /**
   * Whether the scales are divided by a term of the weights, as AutoAWQ's `duo_scaling`; `"both"` tries
   * each exponent with and without. Default false: the term did not help on the models it was measured on.
   */
  duoScaling?: boolean | "both";
  /**
   * What a candidate is judged by. `"gram"`: the squared error of the linears' outputs, from X^T X.
   * `"module"`: that of the whole attention or MLP, by running it, as the published search. Default `"gram"`.
   */
  objective?: "gram" | "module";
  /** Whether large weights are clipped (never those of q and k), and how. Default true. */
  clip?: boolean | ClipOptions;
  /**
   * `"grid"` takes the best exponent; `"channel"` goes on from there, channel by channel, over 0.5 to 1.5
   * of its scale; `"gradient"` goes on with all channels at once, by the straight-through gradient of the error, within a
   * factor of 4. Either is kept only where it wins. Default `"grid"`.
   */
  search?: "grid" | "channel" | "gradient";
  /**
   * Best candidates that are tried again with clipping, which decides between them. Under `"module"` the
   * module's error decides, as published. Default 4.
   */
  finalists?: number;
  /**
   * Outputs of a linear that candidates are compared by, spread evenly over all; the rounding itself looks at every one.
   * Each output has an error of its own, so that some hundred rank the candidates as all do. Default 480.
   */
  outputs?: number;
  /** Input rows kept of a linear whose Gram matrix would cost more. Default 2048. */
  tokens?: number;
  /** Calibration sequences that the `"module"` objective runs. Default 32. */
  sequences?: number;
  /**
   * Whether the linears are rounded. False leaves that to a plugin after this one, `[awq({ quantize: false }), gptq()]`,
   * and looks for scales alone. Default true.
   */
  quantize?: boolean;
}

/** {@linkcode AwqOptions} with every default filled in. */
export interface ResolvedAwqOptions {
  readonly grid: GridOptions;
  readonly gridPoints: number;
  readonly weightTerms: readonly boolean[];
  readonly objective: "gram" | "module";
  readonly clip: Required<ClipOptions> | undefined;
  readonly search: "grid" | "channel" | "gradient";
  readonly finalists: number;
  readonly outputs: number;
  readonly tokens: number;
  readonly sequences: number;
  readonly quantize: boolean;
}

const NAMES: readonly (keyof AwqOptions)[] = [
  "bits",
  "groupSize",
  "symmetric",
  "scaleDtype",
  "range",
  "gridPoints",
  "duoScaling",
  "objective",
  "clip",
  "search",
  "finalists",
  "outputs",
  "tokens",
  "sequences",
  "quantize",
];

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {SalientError} `usage`, naming the option and what it may be.
 */
export function resolveAwqOptions(options: AwqOptions): ResolvedAwqOptions {
  checkOptionNames("awq", options, NAMES);
  const { bits, groupSize, symmetric, scaleDtype, range } = options;
  const grid: GridOptions = {
    ...(bits === undefined ? {} : { bits }),
    ...(groupSize === undefined ? {} : { groupSize }),
    ...(symmetric === undefined ? {} : { symmetric }),
    ...(scaleDtype === undefined ? {} : { scaleDtype }),
    ...(range === undefined ? {} : { range }),
  };
  checkGridOptions(grid);
  const duo = oneOf("duoScaling", options.duoScaling ?? false, [true, false, "both"]);
  const quantize = oneOf("quantize", options.quantize ?? true, [true, false]);
  const clip = resolveClip(options.clip ?? true);
  return {
    grid,
    gridPoints: whole("gridPoints", options.gridPoints ?? 20, 2, 1000),
    weightTerms: duo === "both" ? [false, true] : [duo],
    objective: oneOf("objective", options.objective ?? "gram", ["gram", "module"]),
    clip: quantize ? clip : undefined,
    search: oneOf("search", options.search ?? "grid", ["grid", "channel", "gradient"]),
    finalists: whole("finalists", options.finalists ?? 4, 1, 1000),
    outputs: whole("outputs", options.outputs ?? 480, 1, 2 ** 24),
    tokens: whole("tokens", options.tokens ?? 2048, 1, 2 ** 24),
    sequences: whole("sequences", options.sequences ?? 32, 1, 2 ** 20),
    quantize,
  };
}

function resolveClip(clip: boolean | ClipOptions): Required<ClipOptions> | undefined {
  if (clip === false) return undefined;
  if (typeof clip !== "boolean" && (typeof clip !== "object" || clip === null)) {
    refuse(`Option clip of awq must be true, false or an object but is ${clip}`);
  }
  const { steps = 10, maxShrink = 0.5, sweeps = 2, ...rest } = clip === true ? {} : clip;
  checkOptionNames("awq.clip", rest, ["steps", "maxShrink", "sweeps"]);
  if (typeof maxShrink !== "number" || !(maxShrink > 0 && maxShrink <= 1)) {
    refuse(`Option clip.maxShrink of awq must lie above 0 and at most at 1 but is ${maxShrink}`);
  }
  return {
    steps: whole("clip.steps", steps, 1, 1000),
    maxShrink,
    sweeps: whole("clip.sweeps", sweeps, 0, 1000),
  };
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  return refuse(
    `Option ${name} of awq must be a whole number from ${least} to ${most} but is ${value}`,
  );
}

function oneOf<T extends string | boolean>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  return refuse(`Option ${name} of awq must be ${allowed.join(" or ")} but is ${value}`);
}

function refuse(message: string): never {
  throw new SalientError("usage", message, { plugin: "awq" });
}
