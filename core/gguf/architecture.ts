/**
 * What llama.cpp calls the families.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Architecture } from "../model/architecture.ts";
import { families } from "../model/families/find_family.ts";
import type { Family } from "../model/family.ts";

/** A family as llama.cpp knows it. */
export interface GgufArchitecture {
  /** Its name, with which metadata keys begin. */
  readonly name: "llama" | "qwen2" | "qwen3";
  /**
   * Whether it turns neighbouring channels of a head (2i, 2i + 1) where Hugging Face turns those half a
   * head apart: rows of q and k then lie in another order.
   */
  readonly interleaved: boolean;
  /** Roles that may have a bias. */
  readonly biases: readonly string[];
}

const ALL: readonly string[] = ["q", "k", "v", "o", "gate", "up", "down"];
const LLAMA: GgufArchitecture = { name: "llama", interleaved: true, biases: ALL };

const ARCHITECTURES: Readonly<Record<string, GgufArchitecture>> = {
  llama: LLAMA,
  mistral: LLAMA,
  qwen2: { name: "qwen2", interleaved: false, biases: ["q", "k", "v"] },
  qwen3: { name: "qwen3", interleaved: false, biases: [] },
};

/**
 * The architecture of a model.
 *
 * @throws {SalientError} `input`, with the reason, where llama.cpp has none that computes the same.
 */
export function ggufArchitecture(
  family: Family,
  { config, block }: Architecture,
): GgufArchitecture {
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
  const { linears } = block(0);
  const biased = linears.find(({ role, bias }) => bias === true && !found.biases.includes(role));
  if (biased !== undefined) {
    throw refuse(`has no place for the bias of ${biased.role} in ${found.name}`);
  }
  if (config.activation !== "silu") {
    throw refuse(`computes ${found.name} with silu, not as this model does`);
  }
  return found;
}

function refuse(text: string): SalientError {
  return new SalientError("input", `Format gguf ${text}`);
}
