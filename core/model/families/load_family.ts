/**
 * Reads a family that a user has described.
 *
 * @module
 */

import * as v from "valibot";
import { readJsonObject } from "../../checkpoint/read_json.ts";
import { SalientError } from "../../errors.ts";
import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";
import type { LlamaLike } from "./llama_like_description.ts";
import { descriptionFault, llamaLikeSchema } from "./llama_like_schema.ts";

/** Largest size of such a file. */
const MOST_BYTES = 64 << 10;
/** Deepest nesting of such a file. */
const MOST_DEPTH = 8;

/**
 * Reads a file that describes a family of models like Llama: JSON of the form of {@linkcode LlamaLike}
 * (`docs/families.md` explains it). It is not trusted: its size and depth are bounded, and a key that is not known is refused.
 *
 * @returns The family, for `openModel(directory, backend, { family })`.
 * @throws {SalientError} `input`, naming the file and the key at fault.
 *
 * @example
 * ```ts
 * import { createReferenceBackend, loadFamily, openModel } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * const file = await Deno.makeTempFile({ suffix: ".json" });
 * await Deno.writeTextFile(file, `{ "name": "mine", "architectures": ["LlamaForCausalLM"] }`);
 * using backend = createReferenceBackend();
 * using model = await openModel("models/salient-tiny", backend, { family: await loadFamily(file) });
 * assert.equal(model.family.name, "mine");
 * await Deno.remove(file);
 * ```
 */
export async function loadFamily(path: string): Promise<Family> {
  const json = await readJsonObject(path, { bytes: MOST_BYTES, depth: MOST_DEPTH });
  const parsed = v.safeParse(llamaLikeSchema, json, { abortEarly: true });
  if (!parsed.success) throw fault(path, explain(parsed.issues[0]));
  const description = withoutUndefined(parsed.output);
  const wrong = descriptionFault(description);
  if (wrong !== undefined) throw fault(path, wrong.join(" "));
  return llamaLike(description);
}

function fault(path: string, text: string): SalientError {
  const message = `${path}: ${text} (docs/families.md explains the file)`;
  return new SalientError("input", message, { file: path });
}

/** The key at fault, and what is wrong with it. */
function explain(issue: v.BaseIssue<unknown>, within = ""): string {
  // Of a value that may have several forms: what is wrong with the form that it comes nearest to.
  const inner = issue.issues?.find(({ path }) => path !== undefined);
  const path = [within, v.getDotPath(issue) ?? ""].filter((part) => part !== "").join(".");
  if (inner !== undefined) return explain(inner, path);
  const key = path === "" ? "the file" : shown(path);
  const { type, expected, received, message } = issue;
  if (type === "strict_object" && expected === "never") return `${key} is not known`;
  if (received === "undefined") return `${key} is missing`;
  if (type === "regex" || type === "check") return `${key} ${message}`;
  return `${key} must be ${shown(expected ?? "valid")}, but is ${shown(received)}`;
}

/** One line, not a long one. */
function shown(text: string): string {
  const line = text.replaceAll(/[^ -~]/g, "?");
  return line.length > 160 ? `${line.slice(0, 157)}...` : line;
}

/** The description as what was parsed: keys that are absent are so, not undefined. */
function withoutUndefined(parsed: v.InferOutput<typeof llamaLikeSchema>): LlamaLike {
  return JSON.parse(JSON.stringify(parsed)) as LlamaLike;
}
