/**
 * A mixture of experts behind a router.
 *
 * @module
 */

import type { LinearSpec, ScaleSetSpec } from "../layout.ts";
import type { BlockPiece } from "./block_piece.ts";

/** Paths of the linears of a gated MLP under the block. */
export type GatedPaths = Readonly<Record<"gate" | "up" | "down", string>>;

/** What tells one mixture from another. */
export interface ExpertsMlp {
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Number of experts. */
  readonly count: number;
  /** Width inside an expert. */
  readonly intermediateSize: number;
  /** Path of the router under the block. */
  readonly router: string;
  /** Paths of the linears of an expert. */
  readonly paths: (expert: number) => GatedPaths;
  /** An MLP that every token passes, if there is one. */
  readonly shared?: {
    /** Width inside. */
    readonly intermediateSize: number;
    /** Paths of its linears under the block. */
    readonly paths: GatedPaths;
    /** Roles of those that have a bias. */
    readonly biases?: readonly string[];
    /** Path of the linear that weighs its output, if there is one. */
    readonly gate?: string;
  };
  /** Role of the norm that all of them read. */
  readonly norm: string;
}

/**
 * Linears `router`, which stays as it is, `experts.I.gate`, `.up` and `.down`, of the shared MLP `gate`, `up` and `down`, and
 * `sharedGate`, which stays too. What reads the norm comes first, so that it can be observed together, then what reads
 * the hidden values.
 *
 * Sets: norm -> every gate and up, with `router` and `sharedGate` following; up -> down in each MLP.
 */
export function expertsPiece(mlp: ExpertsMlp): BlockPiece {
  const { hiddenSize, shared } = mlp;
  const router: LinearSpec = {
    key: "router",
    role: "router",
    path: mlp.router,
    site: "mlp",
    shape: [mlp.count, hiddenSize],
    plain: true,
  };
  const sharedGate: readonly LinearSpec[] = shared?.gate === undefined ? [] : [{
    key: "sharedGate",
    role: "sharedGate",
    path: shared.gate,
    site: "mlp",
    shape: [1, hiddenSize],
    plain: true,
  }];
  const own: MlpLinears[] = shared === undefined
    ? []
    : [gatedLinears({ ...shared, hiddenSize, prefix: "", site: "mlp", hiddenSite: "mlpHidden" })];
  for (let expert = 0; expert < mlp.count; expert++) {
    own.push(gatedLinears({
      hiddenSize,
      intermediateSize: mlp.intermediateSize,
      paths: mlp.paths(expert),
      prefix: `experts.${expert}.`,
      site: `experts.${expert}`,
      hiddenSite: `expertsHidden.${expert}`,
      expert,
    }));
  }
  const readers = own.flatMap(({ inputs }) => inputs);
  const sets: ScaleSetSpec[] = [{
    source: { kind: "norm", role: mlp.norm },
    linears: readers.map(({ key }) => key),
    followers: [router, ...sharedGate].map(({ key }) => key),
  }];
  for (const { inputs: [, up], output } of own) {
    if (up === undefined) continue;
    sets.push({ source: { kind: "linear", role: up.key }, linears: [output.key] });
  }
  return {
    linears: [router, ...sharedGate, ...readers, ...own.map(({ output }) => output)],
    scaleSets: sets,
  };
}

/** `gate` and `up`, and `down`. */
interface MlpLinears {
  readonly inputs: readonly LinearSpec[];
  readonly output: LinearSpec;
}

function gatedLinears(mlp: {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly paths: GatedPaths;
  readonly biases?: readonly string[];
  readonly prefix: string;
  readonly site: string;
  readonly hiddenSite: string;
  readonly expert?: number;
}): MlpLinears {
  const { hiddenSize, intermediateSize, paths, biases = [], prefix, expert } = mlp;
  function linear(
    role: "gate" | "up" | "down",
    site: string,
    ...shape: [number, number]
  ): LinearSpec {
    return {
      key: `${prefix}${role}`,
      role,
      path: paths[role],
      site,
      shape,
      bias: biases.includes(role),
      ...(expert === undefined ? {} : { expert }),
    };
  }
  return {
    inputs: [
      linear("gate", mlp.site, intermediateSize, hiddenSize),
      linear("up", mlp.site, intermediateSize, hiddenSize),
    ],
    output: linear("down", mlp.hiddenSite, hiddenSize, intermediateSize),
  };
}
