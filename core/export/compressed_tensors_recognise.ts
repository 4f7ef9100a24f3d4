/**
 * Reads `quantization_config` of compressed-tensors checkpoints.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import type { StoredLinear, StoredQuantization } from "../model/model.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import type { CompressedFormat } from "./compressed_tensors_config.ts";
import { readBits, readFlag, readGroupSize, refuseConfig, showValue } from "./config_values.ts";
import { namePattern } from "./name_pattern.ts";

/** A config group. */
interface Scheme {
  readonly bits: number;
  /** -1 for whole rows. */
  readonly groupSize: number;
  readonly symmetric: boolean;
  readonly activation: ActivationFormat | undefined;
  readonly targets: Targets;
}

/** Names, patterns and classes. */
interface Targets {
  readonly names: ReadonlySet<string>;
  readonly patterns: readonly ((name: string) => boolean)[];
  readonly everyLinear: boolean;
}

const MOST_TARGETS = 65536;

/**
 * Reads a `quantization_config` whose `quant_method` is `compressed-tensors`, in the layout that is asked for.
 *
 * @param allowed Bits of weights that the layout holds.
 * @returns What it says, or undefined if it is of another method or layout.
 * @throws {SalientError} `input` where it is broken, or says what is not read.
 */
export function recogniseCompressedTensors(
  format: CompressedFormat,
  config: JsonObject,
  allowed: readonly number[],
): StoredQuantization | undefined {
  if (config["quant_method"] !== "compressed-tensors" || config["format"] !== format) {
    return undefined;
  }
  const ignored = readTargets(config["ignore"] ?? [], "ignore");
  const groups = config["config_groups"];
  if (!isJsonObject(groups ?? null) || Object.keys(groups as JsonObject).length === 0) {
    throw refuseConfig("config_groups is missing or empty");
  }
  const schemes = Object.entries(groups as JsonObject).map(([name, group]) =>
    readScheme(name, group ?? null, format, allowed)
  );
  const [first] = schemes;
  const same = (key: "bits" | "groupSize"): number | null =>
    schemes.every((scheme) => scheme[key] === first?.[key]) ? first?.[key] ?? null : null;
  return {
    format,
    bits: same("bits"),
    groupSize: same("groupSize"),
    of: (linear) => {
      if (hits(ignored, linear.name)) return undefined;
      const scheme = schemes.find(({ targets }) => targets.names.has(linear.name)) ??
        schemes.find(({ targets }) => targets.patterns.some((matches) => matches(linear.name))) ??
        schemes.find(({ targets }) => targets.everyLinear);
      return scheme === undefined ? undefined : resolve(scheme, linear);
    },
  };
}

function resolve(scheme: Scheme, linear: LinearInfo): StoredLinear {
  const { bits, groupSize, symmetric, activation } = scheme;
  return {
    bits,
    groupSize: groupSize === -1 ? linear.shape[1] : groupSize,
    symmetric,
    ...(activation === undefined ? {} : { activation }),
  };
}

function readScheme(
  name: string,
  group: Json,
  format: CompressedFormat,
  allowed: readonly number[],
): Scheme {
  if (!isJsonObject(group)) throw refuseConfig(`config group ${showValue(name)} is not an object`);
  const own = group["format"] ?? format;
  if (own !== format) {
    throw refuseConfig(`config group ${showValue(name)} has format ${showValue(own)}: use one`);
  }
  const weights = group["weights"] ?? null;
  if (!isJsonObject(weights)) throw refuseConfig(`config group ${showValue(name)} has no weights`);
  for (const [key, wanted] of [["type", "int"], ["dynamic", false]] as const) {
    const found = weights[key] ?? wanted;
    if (found !== wanted) {
      throw refuseConfig(`weights.${key} is ${showValue(found)}: only ${wanted} is read`);
    }
  }
  const order = weights["actorder"] ?? null;
  if (order !== null && order !== "static" && order !== "weight") {
    throw refuseConfig(`actorder is ${showValue(order)}: groups out of order are not read`);
  }
  if ((group["output_activations"] ?? null) !== null) {
    throw refuseConfig("output_activations are quantized, which is not read");
  }
  return {
    bits: readBits(weights["num_bits"], allowed, "num_bits"),
    groupSize: readStrategy(weights),
    symmetric: readFlag(weights["symmetric"], true, "symmetric"),
    activation: readActivation(group["input_activations"] ?? null),
    targets: readTargets(group["targets"] ?? [], "targets"),
  };
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

function readTargets(value: Json, key: string): Targets {
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string")) {
    throw refuseConfig(`${key} is not a list of names`);
  }
  if (value.length > MOST_TARGETS) throw refuseConfig(`${key} has more than ${MOST_TARGETS} names`);
  const names = value as readonly string[];
  return {
    names: new Set(names),
    patterns: names.filter((name) => name.startsWith("re:")).map((name) =>
      namePattern(name.slice(3))
    ),
    everyLinear: names.includes("Linear"),
  };
}

function hits({ names, patterns, everyLinear }: Targets, name: string): boolean {
  return everyLinear || names.has(name) || patterns.some((matches) => matches(name));
}
