/**
 * The places of a block where factors may be folded.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import type { Family, ScaleSetSpec } from "../model/family.ts";
import type { Block } from "../model/model.ts";
import type { ScaleSet } from "../plugin.ts";

/** A set as plugins see it, and what it is made of. */
export interface FoldableSet {
  /** As plugins see it. */
  readonly set: ScaleSet;
  /** Kind and role of the source. */
  readonly source: ScaleSetSpec["source"];
  /** Roles of the linears. */
  readonly linears: readonly string[];
  /** The site where their input is seen. */
  readonly site: string;
}

/**
 * The sets of a block: those of its family that can be folded here. Left out are sets with a linear
 * that stays plain, sets that are not all of the linears that read their input (the others would
 * see it changed), and sets whose source does not reach the linears channel by channel.
 *
 * @param isQuantizable Whether a linear, by its full name, may be quantized.
 */
export function findScaleSets(
  family: Family,
  config: ModelConfig,
  block: Block,
  isQuantizable: (name: string) => boolean,
): FoldableSet[] {
  const found: FoldableSet[] = [];
  for (const spec of family.scaleSets) {
    const linears = spec.linears.map((role) => block.linears.get(role));
    const [first] = linears;
    if (first === undefined) continue;
    const { site } = first.info;
    const channels = first.info.shape[1];
    const readers = [...block.linears.values()].filter(({ info }) => info.site === site);
    const whole = readers.length === linears.length &&
      linears.every((linear) =>
        linear !== undefined && linear.info.site === site && linear.info.shape[1] === channels &&
        isQuantizable(linear.info.name)
      );
    if (!whole) continue;
    const source = findSource(spec, config, block, channels, isQuantizable);
    if (source === undefined) continue;
    const names = linears.flatMap((linear) => linear === undefined ? [] : [linear.info.name]);
    const shorten = (name: string): string => name.slice(name.lastIndexOf(".") + 1);
    found.push({
      source: spec.source,
      linears: spec.linears,
      site,
      set: {
        name: `${shorten(source.name)} -> ${names.map(shorten).join(", ")}`,
        source: { kind: spec.source.kind, name: source.name },
        linears: names,
        channels,
        channelOf: source.channelOf,
        freeChannels: source.freeChannels,
        module: spec.module,
      },
    });
  }
  return found;
}

interface Source {
  readonly name: string;
  readonly channelOf: Uint32Array;
  readonly freeChannels: number;
}

function findSource(
  spec: ScaleSetSpec,
  config: ModelConfig,
  block: Block,
  channels: number,
  isQuantizable: (name: string) => boolean,
): Source | undefined {
  const { kind, role } = spec.source;
  if (kind === "norm") {
    const norm = block.norms.get(role);
    if (norm?.weight.size !== channels) return undefined;
    return { name: norm.name, channelOf: identity(channels), freeChannels: channels };
  }
  const linear = block.linears.get(role);
  // A norm on the source's output would take the factors away again.
  if (linear === undefined || block.norms.has(role)) return undefined;
  const { name, shape } = linear.info;
  if (!isQuantizable(name)) return undefined;
  const freeChannels = shape[0];
  if (freeChannels === channels) {
    return { name, channelOf: identity(channels), freeChannels };
  }
  const { heads, kvHeads, headDim } = config;
  const grouped = role === "v" && channels === heads * headDim &&
    freeChannels === kvHeads * headDim && heads % kvHeads === 0;
  if (!grouped) return undefined;
  const repeats = heads / kvHeads;
  // Channel d of head h of o's input comes from row (h / repeats, d) of v.
  const channelOf = Uint32Array.from({ length: channels }, (_, k) => {
    const head = Math.floor(k / headDim);
    return Math.floor(head / repeats) * headDim + k % headDim;
  });
  return { name, channelOf, freeChannels };
}

function identity(length: number): Uint32Array {
  return Uint32Array.from({ length }, (_, k) => k);
}
