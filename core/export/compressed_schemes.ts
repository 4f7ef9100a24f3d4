/**
 * The config groups of compressed-tensors.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import type { ActivationFormat } from "../plugin.ts";
import type { CompressedFormat } from "./compressed_tensors_config.ts";
import { readBits, readFlag, readGroupSize, refuseConfig, showValue } from "./config_values.ts";
import { type NameTargets, readTargets } from "./name_targets.ts";

/** What holds for the linears of a config group. */
export interface CompressedScheme {
  /** How they are stored; undefined with `grid`. */
  readonly layout: CompressedFormat | undefined;
  /** Bits, group size (-1 for whole rows) and symmetry; undefined where weights are floating point. */
  readonly grid:
    | { readonly bits: number; readonly groupSize: number; readonly symmetric: boolean }
    | undefined;
  /** How activations are quantized, where they are. */
  readonly activation: ActivationFormat | undefined;
  /** Which linears it is about. */
  readonly targets: NameTargets;
}

/** What a `quantization_config` says. */
export interface CompressedSchemes {
  /** Linears that stay plain. */
  readonly ignored: NameTargets;
  /** The config groups in order. */
  readonly schemes: readonly CompressedScheme[];
}

const BITS: readonly number[] = [2, 3, 4, 5, 6, 7, 8];
const FLOAT_LAYOUTS: readonly string[] = ["float-quantized", "naive-quantized", "dense"];

/**
 * Reads the config groups of a `quantization_config` of compressed-tensors.
 *
 * @throws {SalientError} `input` where it is broken, or says what is not read.
 */
export function readCompressedSchemes(config: JsonObject): CompressedSchemes {
  const ignored = readTargets(config["ignore"] ?? [], "ignore");
  refuseMore(config);
  const groups = config["config_groups"];
  if (!isJsonObject(groups ?? null) || Object.keys(groups as JsonObject).length === 0) {
    throw refuseConfig("config_groups is missing or empty");
  }
  const schemes = Object.entries(groups as JsonObject).map(([name, group]) =>
    readScheme(name, group ?? null, config["format"])
  );
  return { ignored, schemes };
}

/** What changes the weights beyond their groups. */
function refuseMore(config: JsonObject): void {
  for (const key of ["sparsity_config", "transform_config"]) {
    const more = config[key] ?? null;
    if (more === null || (isJsonObject(more) && Object.keys(more).length === 0)) continue;
    const harmless = isJsonObject(more) && more["format"] === "dense";
    if (harmless) continue;
    const what = key === "sparsity_config" ? "zeros that are left out" : "rotations at run time";
    throw refuseConfig(`${key} asks for ${what}, which are not read: use a checkpoint without`);
  }
}

function readScheme(name: string, group: Json, global: Json | undefined): CompressedScheme {
  if (!isJsonObject(group)) throw refuseConfig(`config group ${showValue(name)} is not an object`);
  const weights = group["weights"] ?? null;
  if (!isJsonObject(weights)) throw refuseConfig(`config group ${showValue(name)} has no weights`);
  const targets = readTargets(group["targets"] ?? [], "targets");
  const own = group["format"] ?? global;
  if ((weights["type"] ?? "int") !== "int" || own === "dense") {
    return readFloats(weights, own, targets);
  }
  const layout = own === "naive-quantized" ? "int-quantized" : own;
  if (layout !== "pack-quantized" && layout !== "int-quantized") {
    throw refuseConfig(
      `config group ${showValue(name)} has format ${
        showValue(own)
      }, and pack-quantized, int-quantized and ` +
        `float-quantized are read`,
    );
  }
  if ((weights["dynamic"] ?? false) !== false) {
    throw refuseConfig(`weights.dynamic is ${showValue(weights["dynamic"])}: only false is read`);
  }
  // Which inputs are in a group is said by weight_g_idx, where it is not k / group_size.
  const order = weights["actorder"] ?? null;
  if (![null, true, false, "static", "weight", "group", "dynamic"].includes(order as null)) {
    throw refuseConfig(`actorder is ${showValue(order)}: it must be group, weight or static`);
  }
  if ((group["output_activations"] ?? null) !== null) {
    throw refuseConfig("output_activations are quantized, which is not read");
  }
  const grid = {
    bits: readBits(weights["num_bits"], BITS, "num_bits"),
    groupSize: readStrategy(weights),
    symmetric: readFlag(weights["symmetric"], true, "symmetric"),
  };
  return { layout, grid, activation: readActivation(group["input_activations"] ?? null), targets };
}

/** Floating point weights of 8 bits are plain ones with a scale. */
function readFloats(
  weights: JsonObject,
  layout: Json | undefined,
  targets: NameTargets,
): CompressedScheme {
  if (!FLOAT_LAYOUTS.includes(layout as string)) {
    throw refuseConfig(
      `weights are ${showValue(weights["num_bits"])}-bit floating point numbers stored as ${
        showValue(layout)
      }, which is not read: use the original, or a checkpoint with integers`,
    );
  }
  return { layout: undefined, grid: undefined, activation: undefined, targets };
}

function readStrategy(weights: JsonObject): number {
  const strategy = weights["strategy"] ?? (weights["group_size"] ? "group" : "tensor");
  if (strategy === "channel") return -1;
  if (strategy === "group") return readGroupSize(weights["group_size"]);
  throw refuseConfig(`strategy is ${showValue(strategy)}: only channel and group are read`);
}

function readActivation(value: Json): ActivationFormat | undefined {
  if (value === null) return undefined;
  if (!isJsonObject(value)) throw refuseConfig("input_activations is not an object");
  const granularity = value["strategy"] ?? "tensor";
  if (granularity !== "token" && granularity !== "tensor") {
    throw refuseConfig(`strategy of input_activations is ${showValue(granularity)}`);
  }
  if ((value["type"] ?? "int") !== "int" || value["symmetric"] === false) {
    throw refuseConfig("input_activations are not symmetric integers, which alone are read");
  }
  return {
    bits: readBits(value["num_bits"], [8], "num_bits of input_activations"),
    granularity,
    dynamic: readFlag(value["dynamic"], false, "dynamic"),
  };
}
