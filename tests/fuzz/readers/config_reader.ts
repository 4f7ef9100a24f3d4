/**
 * Fuzzes `config.json` of every family.
 *
 * @module
 */

import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { familyCases, writeFamilyModel } from "../../core/model/families/family_cases.ts";
import golden from "../../golden/tiny_logits.json" with { type: "json" };
import { writeTinyModel } from "../../tiny_model.ts";
import { type Files, filesOf, type FuzzReader } from "../fuzz_reader.ts";
import { readModel } from "./read_model.ts";

/** A tiny model of every configuration that has golden logits. */
export const configReader: FuzzReader = {
  name: "config",
  async corpus(folder) {
    const corpus: Files[] = [];
    for (const { config } of golden.cases) {
      await writeTinyModel(folder, config as unknown as JsonObject);
      corpus.push(await filesOf(folder));
    }
    for (const each of familyCases()) {
      await writeFamilyModel(folder, each);
      corpus.push(await filesOf(folder));
    }
    return corpus;
  },
  read: readModel,
};
