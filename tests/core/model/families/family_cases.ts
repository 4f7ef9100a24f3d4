/**
 * The tiny models of every family whose logits transformers has computed.
 *
 * @module
 */

import type { JsonObject } from "../../../../core/checkpoint/types.ts";
import { mix, writeTinyModel } from "../../../tiny_model.ts";

/** A tiny model, and what transformers makes of some tokens. */
export interface FamilyCase {
  /** Its name: that of its file. */
  readonly name: string;
  /** `config.json`. */
  readonly config: JsonObject;
  /** Names and shapes of its tensors. */
  readonly tensors: readonly (readonly [name: string, shape: readonly number[]])[];
  /** Token ids. */
  readonly ids: Int32Array;
  /** Rows of the logits that are kept. */
  readonly rows: readonly number[];
  /** Those rows. */
  readonly logits: readonly (readonly number[])[];
}

const FOLDER = new URL("../../../golden/families/", import.meta.url);

/** Every case, by name. */
export function familyCases(): readonly FamilyCase[] {
  const names = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort();
  return names.map((file) => {
    const golden = JSON.parse(Deno.readTextFileSync(new URL(file, FOLDER)));
    return {
      name: file.replace(/\.json$/, ""),
      config: golden.config,
      tensors: golden.tensors.map((line: string) => {
        const [name = "", ...shape] = line.split(" ");
        return [name, shape.map(Number)];
      }),
      ids: Int32Array.from(numbers(golden.ids)),
      rows: numbers(golden.rows),
      logits: golden.logits.map(numbers),
    };
  });
}

/** Writes the model of a case into an existing directory. */
export async function writeFamilyModel(
  directory: string,
  { config, tensors }: FamilyCase,
  dtype: "F32" | "F16" | "BF16" = "F32",
): Promise<void> {
  await writeTinyModel(directory, config, { dtype, tensors, parameter: familyParameter });
}

/** As `parameter` of tools/golden_families/golden.py. */
export function familyParameter(name: string, shape: readonly number[]): Float32Array {
  const values = mix(name, shape.reduce((a, b) => a * b, 1));
  const [offset, scale] = name.endsWith("bias")
    ? [0, 0.5]
    : shape.length === 1
    ? [1, 0.5]
    : /embed|wte|wpe|word/.test(name)
    ? [0, 3.5]
    : [0, 3.5 / Math.sqrt(shape[1] ?? 1)];
  return Float32Array.from(values, (u) => offset + scale * u);
}

function numbers(text: string): number[] {
  return text.split(" ").map(Number);
}
