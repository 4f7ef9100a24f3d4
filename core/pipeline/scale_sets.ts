/**
 * The places of a block where factors may be folded.
 *
 * @module
 */

import type { BlockLayout, ScaleSetSpec } from "../model/layout.ts";
import type { Block } from "../model/model.ts";
import type { ScaleSet } from "../plugin.ts";

/** A set as plugins see it, and what it is made of. */
export interface FoldableSet {
  /** As plugins see it. */
  readonly set: ScaleSet;
  /** Kind of the source, with its role or key. */
  readonly source: ScaleSetSpec["source"];
  /** Keys of all linears whose columns are multiplied, those that stay plain too. */
  readonly linears: readonly string[];
  /** The sites where their inputs are seen. */
  readonly sites: readonly string[];
  /** [freeChannels] the output of the source that each free channel is. */
  readonly outputs: Uint32Array;
}

/**
 * The sets of a block: those of its layout that can be folded here. Left out are sets with a linear
 * that stays plain though it need not, and sets whose source does not reach the linears channel by channel.
 *
 * @param isQuantizable Whether a linear, by its full name, may be quantized.
 */
export function findScaleSets(
  layout: BlockLayout,
  block: Block,
  isQuantizable: (name: string) => boolean,
): FoldableSet[] {
  const found: FoldableSet[] = [];
  for (const spec of layout.scaleSets) {
    const keys = [...spec.linears, ...spec.followers ?? []];
    const linears = keys.flatMap((key) => block.linears.get(key) ?? []);
    const quantized = linears.slice(0, spec.linears.length);
    const [first] = quantized;
    if (first === undefined || linears.length !== keys.length) continue;
    const channels = first.info.shape[1];
    const sites = new Set(linears.map(({ info }) => info.site));
    const readers = block.linears.values().filter(({ info }) => sites.has(info.site)).toArray();
    const whole = readers.length === linears.length &&
      linears.every(({ info }) => info.shape[1] === channels) &&
      quantized.every(({ info }) => isQuantizable(info.name));
    if (!whole) continue;
    const source = findSource(spec, block, channels, isQuantizable);
    if (source === undefined) continue;
    const names = quantized.map(({ info }) => info.name);
    found.push({
      source: spec.source,
      linears: keys,
      sites: [...sites],
      outputs: source.outputs,
      set: {
        name: `${shorten(source.name)} -> ${listed(names.map(shorten))}`,
        source: { kind: spec.source.kind, name: source.name },
        linears: names,
        channels,
        channelOf: source.channelOf,
        freeChannels: source.outputs.length,
        module: spec.module,
      },
    });
  }
  return found;
}

interface Source {
  readonly name: string;
  readonly channelOf: Uint32Array;
  readonly outputs: Uint32Array;
}

function findSource(
  spec: ScaleSetSpec,
  block: Block,
  channels: number,
  isQuantizable: (name: string) => boolean,
): Source | undefined {
  const { kind, role } = spec.source;
  const all = identity(channels);
  if (kind === "norm") {
    const norm = block.norms.get(role);
    if (norm?.weight.size !== channels) return undefined;
    return { name: norm.name, channelOf: all, outputs: all };
  }
  const linear = block.linears.get(role);
  if (linear === undefined || !isQuantizable(linear.info.name)) return undefined;
  const { name, shape } = linear.info;
  const outputOf = spec.channelOf ?? all;
  if (outputOf.length !== channels || outputOf.some((output) => output >= shape[0])) {
    return undefined;
  }
  const outputs = Uint32Array.from(new Set(outputOf)).sort();
  const free = new Map([...outputs].map((output, i) => [output, i]));
  return { name, channelOf: outputOf.map((output) => free.get(output) ?? 0), outputs };
}

function shorten(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** Names without repetitions: those of experts are the same. */
function listed(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => count === 1 ? name : `${count} ${name}`).join(", ");
}

function identity(length: number): Uint32Array {
  return Uint32Array.from({ length }, (_, k) => k);
}
