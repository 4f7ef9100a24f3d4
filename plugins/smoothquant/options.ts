/**
 * Options of SmoothQuant.
 *
 * @module
 */

import {
  checkGridOptions,
  checkOptionNames,
  type GridOptions,
  SalientError,
} from "../../core/plugin.ts";

/**
 * A place where scale moves from activations into weights: norm -> q, k, v (`"attention"`), norm -> gate, up (`"mlp"`),
 * up -> down (`"down"`), v -> o (`"output"`).
 */
export type SmoothedSet = "attention" | "mlp" | "down" | "output";

/** What {@linkcode smoothquant} takes. Everything has a default. */
export interface SmoothQuantOptions {
  /**
   * How much of the activations' range moves into the weights, 0 to 1, or `"search"`: for each set the best of 0, 0.1 to 1
   * and of no smoothing, by the error of the outputs with weights and activations rounded. Default 0.5.
   */
  alpha?: number | "search";
  /** Where to smooth. Default all four; the paper's are `["attention", "mlp"]`. */
  sets?: readonly SmoothedSet[];
  /** Whether weights are rounded. False leaves them to the plugins that follow. Default true. */
  quantize?: boolean;
  /**
   * Activations in 8 bits, with a scale for each token found at run time (`"dynamic"`) or one from the calibration
   * (`"static"`), or as they are (`"none"`). Default `"dynamic"`; `"none"` where `quantize` is false.
   */
  activations?: "dynamic" | "static" | "none";
  /** Input rows for the search and the report's errors. Default 512. */
  tokens?: number;
  /** Bits of a weight, 2 to 8. Default 8. */
  bits?: number;
  /** Inputs that share a scale; -1 for the whole row, as integer kernels need it. Default -1. */
  groupSize?: number;
  /** Whether the zero point of weights is fixed in the middle. Default true. */
  symmetric?: boolean;
  /** Type that scales of weights are stored in. Default: the format's. */
  scaleDtype?: "F16" | "BF16" | "F32";
}

/** Options with every default filled in. */
export interface ResolvedSmoothQuantOptions {
  readonly alpha: number | "search";
  readonly sets: readonly SmoothedSet[];
  readonly quantize: boolean;
  readonly activations: "dynamic" | "static" | "none";
  readonly tokens: number;
  readonly grid: GridOptions;
}

const SETS: readonly SmoothedSet[] = ["attention", "mlp", "down", "output"];

const NAMES: readonly string[] = [
  "alpha",
  "sets",
  "quantize",
  "activations",
  "tokens",
  "bits",
  "groupSize",
  "symmetric",
  "scaleDtype",
] satisfies (keyof SmoothQuantOptions)[];

/**
 * Fills in the defaults.
 *
 * @throws {SalientError} `usage` where an option is unknown or out of range.
 */
export function resolveSmoothQuantOptions(options: SmoothQuantOptions): ResolvedSmoothQuantOptions {
  checkOptionNames("smoothquant", options, NAMES);
  const { alpha = 0.5, sets = SETS, quantize = true, tokens = 512 } = options;
  const activations = options.activations ?? (quantize ? "dynamic" : "none");
  if (alpha !== "search" && !(typeof alpha === "number" && alpha >= 0 && alpha <= 1)) {
    throw refuse(`Option alpha of smoothquant must be from 0 to 1, or search, but is ${alpha}`);
  }
  if (!Array.isArray(sets) || sets.some((set) => !SETS.includes(set))) {
    throw refuse(
      `Option sets of smoothquant must be a list of ${SETS.join(", ")} but is ${
        JSON.stringify(sets)
      }`,
    );
  }
  if (typeof quantize !== "boolean") {
    throw refuse(`Option quantize of smoothquant must be true or false but is ${quantize}`);
  }
  if (!["dynamic", "static", "none"].includes(activations)) {
    throw refuse(
      `Option activations of smoothquant must be dynamic, static or none but is ${activations}`,
    );
  }
  if (!Number.isInteger(tokens) || tokens < 1) {
    throw refuse(`Option tokens of smoothquant must be a whole number above 0 but is ${tokens}`);
  }
  const { bits = 8, groupSize = -1, symmetric = true, scaleDtype } = options;
  const grid: GridOptions = {
    bits,
    groupSize,
    symmetric,
    ...(scaleDtype === undefined ? {} : { scaleDtype }),
  };
  checkGridOptions(grid);
  return { alpha, sets: [...sets], quantize, activations, tokens, grid };
}

function refuse(message: string): SalientError {
  return new SalientError("usage", message, { plugin: "smoothquant" });
}
