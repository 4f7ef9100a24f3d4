/**
 * The families that Salient knows. A new one is a file beside this one and a line in the list.
 *
 * @module
 */

import type { JsonObject } from "../../checkpoint/types.ts";
import { SalientError } from "../../errors.ts";
import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import { bloom } from "./bloom.ts";
import { deepseekV2 } from "./deepseek_v2.ts";
import { deepseekV3 } from "./deepseek_v3.ts";
import { falcon } from "./falcon.ts";
import { gpt2 } from "./gpt2.ts";
import { gptBigCode } from "./gpt_bigcode.ts";
import { gptNeo } from "./gpt_neo.ts";
import { gptNeox } from "./gpt_neox.ts";
import { gptj } from "./gptj.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { mixtral } from "./mixtral.ts";
import { mpt } from "./mpt.ts";
import { olmoe } from "./olmoe.ts";
import { opt } from "./opt.ts";
import { phi } from "./phi.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen2Moe } from "./qwen2_moe.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen3Moe } from "./qwen3_moe.ts";
import { starcoder2 } from "./starcoder2.ts";

/** Every family. */
export const families: readonly Family[] = [
  bloom,
  deepseekV2,
  deepseekV3,
  falcon,
  gpt2,
  gptBigCode,
  gptNeo,
  gptNeox,
  gptj,
  llama,
  mistral,
  mixtral,
  mpt,
  olmoe,
  opt,
  phi,
  qwen2,
  qwen2Moe,
  qwen3,
  qwen3Moe,
  starcoder2,
];

/** The family that `architectures` in `config.json` names; an input error if it is none of ours. */
export function findFamily(config: JsonObject): Family {
  const reader = new ConfigReader(config);
  const named = reader.strings("architectures") ?? [];
  if (named.length === 0) reader.fail("architectures", "must name the model's class");
  const found = families.find((family) =>
    named.some((name) => family.architectures.includes(name))
  );
  if (found !== undefined) return found;
  const known = families.flatMap((family) => family.architectures.slice(0, 1));
  throw new SalientError(
    "input",
    `Architecture ${named.join(", ").slice(0, 80)} is not known: use one of ${known.join(", ")}`,
    { file: "config.json" },
  );
}
