/**
 * What stands around a text by `tokenizer_config.json`.
 *
 * @module
 */

import type { Json, JsonObject } from "../checkpoint/types.ts";

/** A token that begins or ends a text. */
interface Token {
  readonly content: string;
  readonly id: number;
}

/**
 * The post-processor that `add_bos_token` and `add_eos_token` ask for.
 *
 * @param config The `tokenizer_config.json`; `bos_token` and `eos_token` there are not looked up but by the caller.
 * @param known The tokens, and what holds where the config says nothing.
 */
export function startAndEnd(
  config: JsonObject,
  known: {
    readonly begin: Token | undefined;
    readonly end: Token | undefined;
    readonly addsBegin: boolean;
    readonly addsEnd: boolean;
  },
): JsonObject {
  function part(flag: Json | undefined, byDefault: boolean, token: Token | undefined): Token[] {
    return (typeof flag === "boolean" ? flag : byDefault) && token !== undefined ? [token] : [];
  }
  const before = part(config.add_bos_token, known.addsBegin, known.begin);
  const after = part(config.add_eos_token, known.addsEnd, known.end);
  const shown = (tokens: Token[]): Json[] =>
    tokens.map(({ content }) => ({ SpecialToken: { id: content, type_id: 0 } }));
  const entries = [...before, ...after].map(({ content, id }): [string, Json] => [
    content,
    { id: content, ids: [id], tokens: [content] },
  ]);
  return {
    type: "TemplateProcessing",
    single: [...shown(before), { Sequence: { id: "A", type_id: 0 } }, ...shown(after)],
    pair: [],
    special_tokens: Object.fromEntries(entries),
  };
}
