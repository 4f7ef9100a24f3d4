/**
 * Reads `quantization_config` of GPTQ checkpoints.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { JsonObject } from "../checkpoint/types.ts";
import type { StoredLinear, StoredQuantization } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import { readBits, readFlag, readGroupSize, refuseConfig, showValue } from "./config_values.ts";
import type { GptqVersion } from "./gptq.ts";
import { namePattern } from "./name_pattern.ts";

/** What holds for some linears. */
interface Settings {
  readonly bits: number;
  /** -1 for whole rows. */
  readonly groupSize: number;
  readonly symmetric: boolean;
}

interface Rule {
  readonly matches: (name: string) => boolean;
  /** Undefined where the linear is plain. */
  readonly settings: Settings | undefined;
}

const BITS: readonly number[] = [2, 3, 4, 8];
const PLANAR_BITS: readonly number[] = [2, 3, 4, 5, 6, 7, 8];
/** Layouts by what `checkpoint_format` calls them. */
const LAYOUTS: Readonly<Record<string, GptqVersion>> = {
  gptq: "gptq",
  gptq_v2: "gptq-v2",
  gptq_p: "gptq-p",
};
const MOST_RULES = 65536;

/**
 * Reads a `quantization_config` whose `quant_method` is `gptq`, in the version that is asked for.
 *
 * @returns What it says, or undefined if it is of another method or version.
 * @throws {SalientError} `input` where it is broken.
 */
export function recogniseGptq(
  version: GptqVersion,
  config: JsonObject,
): StoredQuantization | undefined {
  if (config["quant_method"] !== "gptq") return undefined;
  const layout = config["checkpoint_format"] ?? config["format"] ?? "gptq";
  const known = typeof layout === "string" && Object.hasOwn(LAYOUTS, layout);
  if (!known || config["is_marlin_format"] === true) {
    throw refuseConfig(
      `checkpoint_format is ${known ? "marlin" : showValue(layout)}, and of GPTQ's layouts ${
        Object.keys(LAYOUTS).join(", ")
      } are read: use the checkpoint it was made from`,
    );
  }
  if (LAYOUTS[layout] !== version) return undefined;
  const packing = config["pack_dtype"] ?? "int32";
  if (packing !== "int32") {
    throw refuseConfig(`pack_dtype is ${showValue(packing)}: only int32 is read`);
  }
  const allowed = version === "gptq-p" ? PLANAR_BITS : BITS;
  const main = readSettings(config, allowed, undefined);
  const rules = readRules(config, allowed, main);
  const uniform = rules.every(({ settings }) => settings === undefined);
  const same = (key: "bits" | "groupSize"): boolean =>
    uniform || rules.every(({ settings }) => (settings ?? main)[key] === main[key]);
  return {
    format: version,
    bits: same("bits") ? main.bits : null,
    groupSize: same("groupSize") ? main.groupSize : null,
    of: (linear) => {
      const rule = rules.find(({ matches }) => matches(linear.name));
      return rule === undefined ? resolve(main, linear) : resolve(rule.settings, linear);
    },
  };
}

function resolve(settings: Settings | undefined, linear: LinearInfo): StoredLinear | undefined {
  if (settings === undefined) return undefined;
  const { groupSize } = settings;
  return { ...settings, groupSize: groupSize === -1 ? linear.shape[1] : groupSize };
}

function readSettings(
  config: JsonObject,
  allowed: readonly number[],
  main: Settings | undefined,
): Settings {
  return {
    bits: readBits(config["bits"] ?? main?.bits, allowed),
    groupSize: readGroupSize(config["group_size"] ?? main?.groupSize),
    symmetric: readFlag(config["sym"], main?.symmetric ?? true, "sym"),
  };
}

/** The first rule that matches decides. */
function readRules(
  config: JsonObject,
  allowed: readonly number[],
  main: Settings,
): readonly Rule[] {
  const dynamic = config["dynamic"] ?? {};
  if (!isJsonObject(dynamic)) throw refuseConfig("dynamic is not an object");
  const entries = Object.entries(dynamic);
  if (entries.length > MOST_RULES) {
    throw refuseConfig(`dynamic has ${entries.length} rules, more than ${MOST_RULES}`);
  }
  return entries.map(([key, value]) => {
    const plain = key.startsWith("-:");
    const source = plain || key.startsWith("+:") ? key.slice(2) : key;
    const matches = namePattern(source);
    if (plain) return { matches, settings: undefined };
    if (!isJsonObject(value ?? null)) {
      throw refuseConfig(`the rule ${showValue(key)} of dynamic is not an object`);
    }
    return { matches, settings: readSettings(value as JsonObject, allowed, main) };
  });
}
