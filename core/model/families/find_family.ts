/**
 * The families that Salient knows. A new one is a file beside this one and a line in the list.
 *
 * @module
 */

import { showName } from "../../checkpoint/show_name.ts";
import type { JsonObject } from "../../checkpoint/types.ts";
import { SalientError } from "../../errors.ts";
import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import { arcee } from "./arcee.ts";
import { bloom } from "./bloom.ts";
import { cohere } from "./cohere.ts";
import { cohere2 } from "./cohere2.ts";
import { deepseekV2 } from "./deepseek_v2.ts";
import { deepseekV3 } from "./deepseek_v3.ts";
import { ernie45 } from "./ernie4_5.ts";
import { exaone4 } from "./exaone4.ts";
import { falcon } from "./falcon.ts";
import { gemma } from "./gemma.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3, gemma3Text } from "./gemma3.ts";
import { glm, glm4 } from "./glm.ts";
import { gpt2 } from "./gpt2.ts";
import { gptBigCode } from "./gpt_bigcode.ts";
import { gptNeo } from "./gpt_neo.ts";
import { gptNeox } from "./gpt_neox.ts";
import { gptj } from "./gptj.ts";
import { granite } from "./granite.ts";
import { helium } from "./helium.ts";
import { llama } from "./llama.ts";
import { ministral } from "./ministral.ts";
import { mistral, mistral3Text } from "./mistral.ts";
import { mixtral } from "./mixtral.ts";
import { mpt } from "./mpt.ts";
import { nemotron } from "./nemotron.ts";
import { olmo } from "./olmo.ts";
import { olmo2 } from "./olmo2.ts";
import { olmo3 } from "./olmo3.ts";
import { olmoe } from "./olmoe.ts";
import { opt } from "./opt.ts";
import { phi } from "./phi.ts";
import { phi3 } from "./phi3.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen2Moe } from "./qwen2_moe.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen3Moe } from "./qwen3_moe.ts";
import { seedOss } from "./seed_oss.ts";
import { smollm3 } from "./smollm3.ts";
import { stablelm } from "./stablelm.ts";
import { starcoder2 } from "./starcoder2.ts";

/** Every family. */
export const families: readonly Family[] = [
  arcee,
  bloom,
  cohere,
  cohere2,
  deepseekV2,
  deepseekV3,
  ernie45,
  exaone4,
  falcon,
  gemma,
  gemma2,
  gemma3,
  gemma3Text,
  glm,
  glm4,
  gpt2,
  gptBigCode,
  gptNeo,
  gptNeox,
  gptj,
  granite,
  helium,
  llama,
  ministral,
  mistral,
  mistral3Text,
  mixtral,
  mpt,
  nemotron,
  olmo,
  olmo2,
  olmo3,
  olmoe,
  opt,
  phi,
  phi3,
  qwen2,
  qwen2Moe,
  qwen3,
  qwen3Moe,
  seedOss,
  smollm3,
  stablelm,
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
  throw new SalientError(
    "input",
    `Architecture ${
      showName(named.join(", "))
    } is not known: docs/families.md lists those that are; ` +
      `of a model like Llama, describe the rest with --family-file`,
    { file: "config.json" },
  );
}
