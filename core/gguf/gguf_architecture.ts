/**
 * The architecture of llama.cpp that computes what a model does.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Architecture } from "../model/architecture.ts";
import { families } from "../model/families/find_family.ts";
import type { Family } from "../model/family.ts";
import type { BlockLayout, MlpLayout } from "../model/layout.ts";
import type { GgufArchitecture, MlpKind } from "./architecture.ts";
import { ARCHITECTURES } from "./architectures.ts";

/**
 * The architecture of a model.
 *
 * @throws {SalientError} `input`, with the reason, where llama.cpp has none that computes the same.
 */
export function ggufArchitecture(family: Family, structure: Architecture): GgufArchitecture {
  if (!families.includes(family)) {
    throw refuse(`knows only families of Salient's own, not ${family.name} as a file describes it`);
  }
  const found = Object.hasOwn(ARCHITECTURES, family.name) ? ARCHITECTURES[family.name] : undefined;
  if (found === undefined) {
    throw refuse(
      `has no name for the family ${family.name}: it knows ${
        Object.keys(ARCHITECTURES).join(", ")
      }`,
    );
  }
  const fault = modelFault(found, structure);
  if (fault !== undefined) throw refuse(fault);
  for (let i = 0; i < structure.config.blocks; i++) {
    const layout = structure.block(i);
    const each = blockFault(found, layout) ?? attentionFault(found, structure, layout, i);
    if (each !== undefined) throw refuse(each);
  }
  return found;
}

function refuse(text: string): SalientError {
  return new SalientError("input", `Format gguf ${text}`);
}

/** What of the model itself llama.cpp does not compute. */
function modelFault(known: GgufArchitecture, { config, ends }: Architecture): string | undefined {
  const { name } = known;
  const { tiedEmbeddings, hiddenSize, heads, kvHeads, headDim, activation, rope, blocks } = config;
  const activations = known.activations ?? ["silu"];
  if (!activations.includes(activation)) {
    return `computes ${name} with ${activations.join(" or ")}, not with ${activation}`;
  }
  if (known.head === "tied" && !tiedEmbeddings) {
    return `knows ${name} only with the embedding as its head, not with a head of its own`;
  }
  if (known.head === "own" && tiedEmbeddings) {
    return `knows ${name} only with a head of its own, not with the embedding as its head`;
  }
  if (
    known.ownHeadDim !== true && known.projection !== "latent" && heads * headDim !== hiddenSize
  ) {
    return `knows ${name} only with heads as wide as the stream (${hiddenSize}), not ${heads} of ${headDim}`;
  }
  if (known.ownKeys === true && kvHeads !== heads) {
    return `knows ${name} only with keys of each head, not ${kvHeads} for ${heads}`;
  }
  if (known.blockCounts?.includes(blocks) === false) {
    return `knows ${name} only with ${known.blockCounts.join(" or ")} blocks, not ${blocks}`;
  }
  if ((known.turns === "none") !== (rope === undefined)) {
    return `knows ${name} only ${known.turns === "none" ? "without" : "with"} rotary embedding`;
  }
  if (rope !== undefined && known.projection !== "latent") {
    if (known.partial !== true && rope.rotated !== headDim) {
      return `turns whole heads in ${name}, not ${rope.rotated} of ${headDim} channels`;
    }
  }
  if (ends.embeddingNorm !== undefined || ends.projectIn !== undefined) {
    return `knows ${name} only without a norm or a projection of the embedding`;
  }
  if ((known.headBias === true) !== (ends.headBias !== undefined)) {
    return `knows ${name} only ${known.headBias === true ? "with" : "without"} a bias of the head`;
  }
  if (known.caps !== true ? (ends.logitSoftcap ?? 0) !== 0 : (ends.logitSoftcap ?? 0) === 0) {
    return `knows ${name} only ${known.caps === true ? "with" : "without"} a cap on the logits`;
  }
  if (known.logits === undefined && (ends.logitScale ?? 1) !== 1) {
    return `has no factor of the logits in ${name}`;
  }
  const factor = known.embedding === "root" ? Math.sqrt(hiddenSize) : 1;
  if (known.embedding !== "key" && !isClose(ends.embeddingScale ?? 1, factor)) {
    return `multiplies the embedding of ${name} by ${factor}, not by ${ends.embeddingScale ?? 1}`;
  }
  return undefined;
}

/** What of a block's parts llama.cpp does not compute. */
function blockFault(known: GgufArchitecture, layout: BlockLayout): string | undefined {
  const { name } = known;
  const { linears, norms, mlp } = layout;
  const [norm = "rms"] = (known.norm ?? "rms").split(" ");
  const biased = known.norm === "layer with bias";
  for (const { role, kind, plain, bias } of norms) {
    const headNorm = role === "q" || role === "k";
    const same = kind === norm && plain !== true && (bias === true) === (biased && !headNorm);
    if (!same) return `has ${known.norm ?? "rms"} norms in ${name}, not as ${layout.name} has them`;
  }
  const blocks = (known.blocks ?? ["sequential attention mlp"]).map(sorted);
  const found = [layout.order ?? "sequential", ...norms.map(({ role }) => role)].join(" ");
  if (!blocks.includes(sorted(found))) {
    return `runs ${name} with blocks ${
      (known.blocks ?? ["sequential attention mlp"]).join(" or ")
    }, not ${found}`;
  }
  const projection = known.projection ?? "separate";
  if (layout.attention.projection.kind !== projection) {
    return `has ${projection} queries, keys and values in ${name}`;
  }
  const kind = mlpKind(mlp);
  const mlps = known.mlps ?? ["gated"];
  if (!mlps.includes(kind)) return `knows ${name} with ${mlps.join(" or ")} MLPs, not ${kind}`;
  for (const { role, bias } of linears) {
    const must = known.biases?.includes(`${role}!`) === true;
    const may = must || known.biases?.includes(role) === true;
    if (bias === true && !may) return `has no place for the bias of ${role} in ${name}`;
    if (bias !== true && must) return `knows ${name} only with a bias of ${role}`;
  }
  if (known.residual !== true && (layout.residualScale ?? 1) !== 1) {
    return `has no factor of what the halves add in ${name}`;
  }
  return mlp.kind === "experts" ? routerFault(known, mlp) : undefined;
}

function routerFault(
  { name, normalized }: GgufArchitecture,
  { router }: Extract<MlpLayout, { kind: "experts" }>,
): string | undefined {
  if (router.groups !== undefined || router.correction !== undefined) {
    return `chooses experts one by one in ${name}, not by groups or corrected scores`;
  }
  if (router.scoring !== "softmax") return `scores experts of ${name} with softmax`;
  if (normalized === undefined) return undefined;
  if (router.normalize !== normalized || router.scale !== 1) {
    return `weighs the experts of ${name} ${normalized ? "so that" : "without making"} ` +
      `their weights add up to 1, unlike this model`;
  }
  return undefined;
}

/** What of a block's attention llama.cpp does not compute. */
function attentionFault(
  known: GgufArchitecture,
  { config }: Architecture,
  { name: block, attention }: BlockLayout,
  index: number,
): string | undefined {
  const { name } = known;
  const { headDim, hiddenSize, heads, blocks } = config;
  const every = known.windowsExcept ?? 0;
  if (every > 0 && config.windows.some((window) => window > 0)) {
    const windowed = (index + 1) % every !== 0;
    if (windowed !== attention.window > 0) {
      return `lets every ${every}th block of ${name} see all tokens and no other, unlike ${block}`;
    }
  }
  const turned = known.unturned === undefined || (index + 1) % known.unturned !== 0;
  if (known.turns !== "none" && turned !== (attention.rope !== undefined)) {
    return `turns all blocks of ${name}${
      known.unturned === undefined ? "" : ` but every ${known.unturned}th`
    }, unlike ${block}`;
  }
  if (attention.slopes !== undefined) return `knows ${name} only without slopes (ALiBi)`;
  const neighbours = attention.rope?.interleaved === true;
  if (neighbours && known.turns === "halves") return `does not turn neighbours in ${name}`;
  if (!neighbours && attention.rope !== undefined && known.projection === "latent") {
    return `turns neighbouring channels in ${name}, not those half a head apart`;
  }
  if ((known.caps === true) !== ((attention.softcap ?? 0) > 0)) {
    return `knows ${name} only ${known.caps === true ? "with" : "without"} a cap on the scores`;
  }
  const usual = typeof known.scale === "object" && known.scale.blocks === blocks
    ? 1 / Math.sqrt(Math.floor(hiddenSize / heads))
    : 1 / Math.sqrt(headDim);
  if (known.scale !== "key" && !isClose(attention.scale, usual)) {
    return `multiplies the scores of ${name} by ${usual}, not by ${attention.scale} as ${block} does`;
  }
  return undefined;
}

function isClose(value: number, expected: number): boolean {
  return Math.abs(value / expected - 1) < 1e-5;
}

function sorted(words: string): string {
  return words.split(" ").sort().join(" ");
}

/** The kind of an MLP in the words of {@linkcode GgufArchitecture}. */
function mlpKind(mlp: MlpLayout): MlpKind {
  switch (mlp.kind) {
    case "gated":
      return mlp.fused ? "fused" : "gated";
    case "plain":
      return "plain";
    case "experts":
      if (mlp.shared === undefined) return "experts";
      return mlp.shared.gated ? "experts with gated shared" : "experts with shared";
  }
}
