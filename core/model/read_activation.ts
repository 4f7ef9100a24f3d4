/**
 * Reads the name of an activation function from `config.json`.
 *
 * @module
 */

import type { Activation } from "../backend.ts";
import type { ConfigReader } from "./config_reader.ts";

/** By the names that transformers gives them. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: "silu",
  swish: "silu",
  gelu: "gelu",
  gelu_new: "gelu_tanh",
  gelu_fast: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  relu: "relu",
  relu2: "relu2",
  quick_gelu: "quick_gelu",
};

/**
 * The function that `key` names.
 *
 * @param fallback Its name where the key is absent.
 * @param own Names that mean something else in this family.
 * @throws {SalientError} `input` if it is none that Salient has.
 */
export function readActivation(
  reader: ConfigReader,
  key: string,
  fallback: string,
  own: Readonly<Record<string, Activation>> = {},
): Activation {
  const known = { ...ACTIVATIONS, ...own };
  const name = reader.string(key, fallback);
  if (Object.hasOwn(known, name)) return known[name]!;
  reader.fail(key, `must be ${Object.keys(known).join(", ")}`);
}
