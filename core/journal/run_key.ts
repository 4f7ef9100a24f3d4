/**
 * What a run is.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { openRegularFile } from "../checkpoint/open_regular_file.ts";
import type { Model } from "../model/model.ts";
import type { OutputFormat } from "../output/model_output.ts";
import type { RunOptions } from "../pipeline/run_options.ts";
import type { PreparedRun } from "../pipeline/prepare_run.ts";

/** What the key is made of besides the options of every run. */
export interface RunKeyInput {
  /** The options. */
  readonly options: RunOptions & { readonly shardBytes?: number | undefined };
  /** The model. */
  readonly model: Model;
  /** The format. */
  readonly format: OutputFormat;
  /** What the caller adds, each under a name for people. */
  readonly more: Readonly<Record<string, string>>;
}

/** Tensors that are looked into; they lie evenly among all. */
const TENSORS = 4096;
/** Bytes at the start and in the middle of each that are looked at. */
const LOOK = 4096;

/**
 * Everything that the result of a run depends on, each under a name for people. Two runs with equal keys write the same
 * bytes, on the same machine and as long as plugins say what they were made with.
 */
export async function runKey(
  { options, model, format, more }: RunKeyInput,
): Promise<Readonly<Record<string, string>>> {
  const { calibration, plugins, rules = [], skip = [] } = options;
  const said = plugins.map((plugin) => {
    const { name, enforce = "", sequential = false, propagate = false, options = null } = plugin;
    return { name, enforce, sequential, propagate, options };
  });
  return {
    "the model": await modelDigest(model),
    "the format": format.name,
    "the plugins and their options": plain(said),
    "the calibration text": calibration === undefined ? "none" : digest(calibration.ids),
    "samples and seq-len": calibration === undefined
      ? "none"
      : `${calibration.samples} of ${calibration.seqLen}`,
    "rules": plain(rules),
    "target-bits": plain(options.targetBits ?? null),
    "skip": plain(skip),
    "all-experts": String(options.allExperts === true),
    "seed": String(options.seed ?? 0),
    "memory": String(options.memory ?? "none"),
    "shard bytes": String(options.shardBytes ?? "default"),
    "the backend": model.backend.name,
    ...more,
  };
}

/** A digest of what the plugins have asked for: grids, observations, and how the windows pass. */
export function setupDigest({ grids, sites, quantizable, plan, calibration }: PreparedRun): string {
  return digest(plain([
    [...grids],
    sites.map((block) => [...block]),
    [...quantizable],
    calibration === undefined ? 0 : plan.batch,
  ]));
}

/** Names, types and places of all tensors, the configuration, and some bytes of the weights. */
async function modelDigest(model: Model): Promise<string> {
  const { checkpoint } = model;
  const hash = createHash("sha256");
  hash.update(plain([model.rawConfig, [...checkpoint.entries]]));
  const entries = [...checkpoint.entries.values()];
  const step = Math.max(1, entries.length / TENSORS);
  const folder = checkpoint.directory.endsWith(".gguf")
    ? dirname(checkpoint.directory)
    : checkpoint.directory;
  const piece = new Uint8Array(LOOK);
  for (let at = 0; at < entries.length; at += step) {
    const { file, offset, byteLength } = entries[Math.floor(at)]!;
    using opened = await openRegularFile(join(folder, file), folder);
    for (const from of [0, Math.floor(byteLength / 2)]) {
      await opened.handle.seek(offset + from, Deno.SeekMode.Start);
      const count = await opened.handle.read(piece.subarray(0, Math.min(LOOK, byteLength - from)));
      hash.update(piece.subarray(0, count ?? 0));
    }
  }
  return hash.digest("hex");
}

function digest(data: string | Int32Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** JSON in which functions and what has no JSON are seen too, and the order of keys is not. */
function plain(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === "function") return `function ${each}`;
    if (typeof each === "bigint" || typeof each === "symbol") return String(each);
    if (typeof each === "number" && !Number.isFinite(each)) return String(each);
    if (each === null || typeof each !== "object" || Array.isArray(each)) return each;
    if (ArrayBuffer.isView(each)) return [...each as Uint8Array];
    if (each instanceof Map || each instanceof Set) return [...each];
    return Object.fromEntries(Object.entries(each).sort(([a], [b]) => a < b ? -1 : 1));
  });
}
