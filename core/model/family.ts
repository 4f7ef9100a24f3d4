/**
 * A family of models: how its checkpoints name things and what its blocks are made of.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import type { Architecture } from "./architecture.ts";

/** A family of models. */
export interface Family {
  /** Its name, for example `llama`. */
  readonly name: string;
  /** Values of `architectures` in `config.json` that mean this family. */
  readonly architectures: readonly string[];
  /**
   * Reads and checks `config.json`.
   *
   * @param has Whether the checkpoint has a tensor of that name: some families are stored under several prefixes.
   * @throws {SalientError} `input`, naming the key at fault.
   */
  describe(raw: JsonObject, has: (tensor: string) => boolean): Architecture;
}
