/**
 * The search for a set's alpha.
 *
 * @module
 */

import {
  type BlockView,
  type LinearView,
  type PluginContext,
  SalientError,
  type ScaleSet,
  type Tensor,
} from "../../core/plugin.ts";
import { activationOf } from "./activation_of.ts";
import type { ResolvedSmoothQuantOptions } from "./options.ts";

/** The exponents that are tried. */
const ALPHAS: readonly number[] = Array.from({ length: 11 }, (_, i) => i / 10);
/** Outputs of a linear that candidates are judged by, at most: each has an error of its own. */
const OUTPUTS = 512;
const GOLDEN = 0.6180339887498949;

/** What was chosen for a set. */
export interface AlphaChoice {
  /** The exponent; null for no smoothing. */
  readonly alpha: number | null;
  /** What the activations are divided by, [K]. */
  readonly factors: Float32Array;
  /** Squared error of the outputs, and of those without smoothing. */
  readonly loss: number;
  readonly identityLoss: number;
}

/** Linears of one site, which share their sampled inputs. */
type Site = readonly Judged[];

/** A linear of the set, with the rows of its weight that are looked at, and its exact outputs. */
interface Judged {
  readonly view: LinearView;
  readonly rows: Tensor;
  readonly share: number;
  readonly exact: Float32Array<ArrayBuffer>;
}

/**
 * The exponent with the least ||Q(X / s) Q(W s)^T - X W^T||^2 over the set's linears and the sampled inputs, X rounded as it
 * will be at run time. Nothing is smoothed unless that is better.
 *
 * @param factorsOf The factors of an exponent.
 */
export async function searchAlpha(
  block: BlockView,
  set: ScaleSet,
  options: ResolvedSmoothQuantOptions,
  factorsOf: (alpha: number) => Float32Array,
  ctx: PluginContext,
): Promise<AlphaChoice> {
  using owned = new DisposableStack();
  const linears: Judged[] = [];
  for (const name of set.linears) {
    const view = block.linear(name);
    if (view.moment === undefined && view.expert !== undefined) continue; // it saw too few tokens to have a say
    linears.push(await judged(view, ctx, owned));
  }
  const identity = new Float32Array(set.channels).fill(1);
  const identityLoss = await lossOf(linears, identity, options, ctx);
  if (!Number.isFinite(identityLoss)) {
    throw new SalientError(
      "input",
      `The error of ${set.name} is not finite: check its weights and the calibration text for NaN`,
      { tensor: set.linears[0] ?? set.name },
    );
  }
  let best: AlphaChoice = { alpha: null, factors: identity, loss: identityLoss, identityLoss };
  for (const alpha of ALPHAS) {
    const factors = factorsOf(alpha);
    const loss = await lossOf(linears, factors, options, ctx);
    if (loss < best.loss) best = { ...best, alpha, factors, loss };
  }
  return best;
}

async function judged(
  view: LinearView,
  ctx: PluginContext,
  owned: DisposableStack,
): Promise<Judged> {
  const { ops } = ctx;
  const [outputs] = view.shape;
  const count = Math.min(outputs, OUTPUTS);
  const spread = Int32Array.from(
    { length: count },
    (_, i) => Math.min(outputs - 1, Math.floor((i + (i * GOLDEN) % 1) * outputs / count)),
  );
  const rows = count === outputs ? view.weight : owned.use(await ops.embed(view.weight, spread));
  using y = await ops.linear(sampleOf(view), rows);
  return { view, rows, share: outputs / count, exact: ops.download(y) };
}

/** The squared error of all outputs, scaled up to all rows of the weights and all tokens of a site. */
async function lossOf(
  linears: readonly Judged[],
  factors: Float32Array,
  options: ResolvedSmoothQuantOptions,
  ctx: PluginContext,
): Promise<number> {
  let loss = 0;
  for (const site of Map.groupBy(linears, ({ view }) => view.site).values()) {
    loss += await siteLoss(site, factors, options, ctx);
  }
  return loss;
}

async function siteLoss(
  site: Site,
  factors: Float32Array,
  options: ResolvedSmoothQuantOptions,
  ctx: PluginContext,
): Promise<number> {
  const { ops } = ctx;
  const [first] = site;
  if (first === undefined) return 0;
  const inverse = factors.map((factor) => 1 / factor);
  const sample = sampleOf(first.view);
  using x = await ops.scaleColumns(sample, inverse);
  const { absMax: largest, tokens } = first.view.statistics;
  const absMax = largest?.map((value, k) => value * (inverse[k] ?? 1));
  const activation = activationOf(options, absMax);
  let loss = 0;
  for (const { view, rows, share, exact } of site) {
    ctx.signal.throwIfAborted();
    using scaled = await ops.scaleColumns(rows, factors);
    using rounded = await ops.quantize(scaled, ctx.grid.resolve(options.grid, view));
    using packed = await ops.pack(rounded);
    using y = await ops.linear(x, packed, activation === undefined ? {} : { activation });
    const found = ops.download(y);
    let sum = 0;
    for (let i = 0; i < exact.length; i++) sum += (exact[i]! - found[i]!) ** 2;
    loss += sum * share;
  }
  return loss * tokens / Math.max(1, sample.shape[0] ?? 0);
}

function sampleOf({ name, statistics: { sample } }: LinearView): Tensor {
  if (sample !== undefined) return sample;
  throw new SalientError("plugin", `No inputs of ${name} were observed`, { tensor: name });
}
