/**
 * The ids that stand around those of a text.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";

/** Ids before and after those of a text. */
export interface Surroundings {
  /** Such as the one that begins a text. */
  readonly before: readonly number[];
  /** Such as the one that ends a text. */
  readonly after: readonly number[];
}

const NOTHING: Surroundings = { before: [], after: [] };

/**
 * What the post-processor of a `tokenizer.json` puts around a single text.
 *
 * @throws {Error} Where it is of an unknown kind or names a token without an id.
 */
export function readPostProcessor(part: Json): Surroundings {
  if (!isJsonObject(part)) return NOTHING;
  switch (part.type) {
    case "ByteLevel":
      return NOTHING;
    case "Sequence": {
      const steps = Array.isArray(part.processors) ? part.processors.map(readPostProcessor) : [];
      return steps.reduce((inner, outer) => ({
        before: [...outer.before, ...inner.before],
        after: [...inner.after, ...outer.after],
      }), NOTHING);
    }
    case "TemplateProcessing":
      return readTemplate(part);
    case "BertProcessing":
    case "RobertaProcessing":
      return { before: [pairId(part.cls)], after: [pairId(part.sep)] };
    default:
      throw new Error(`Unknown post-processor ${String(part.type)}`);
  }
}

function readTemplate(part: JsonObject): Surroundings {
  const known = isJsonObject(part.special_tokens) ? part.special_tokens : {};
  const before: number[] = [];
  const after: number[] = [];
  let side = before;
  for (const item of Array.isArray(part.single) ? part.single : []) {
    const token = isJsonObject(item) ? item.SpecialToken : undefined;
    if (!isJsonObject(token)) {
      side = after;
      continue;
    }
    const name = String(token.id);
    const entry = Object.hasOwn(known, name) ? known[name] : undefined;
    const ids = isJsonObject(entry) && Array.isArray(entry.ids) ? entry.ids : [];
    if (ids.length === 0) throw new Error(`Its template has no id for ${name}`);
    side.push(...ids.map(checkId));
  }
  return { before, after };
}

/** `["<s>", 0]`. */
function pairId(pair: Json | undefined): number {
  return checkId(Array.isArray(pair) ? pair[1] : undefined);
}

function checkId(id: Json | undefined): number {
  if (typeof id === "number" && Number.isInteger(id) && id >= 0) return id;
  throw new Error("Its post-processor has a token without an id");
}
