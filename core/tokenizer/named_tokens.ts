/**
 * Tokens that a tokenizer's smaller files name.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { tokenText } from "./token_text.ts";

const NAMES = ["bos", "eos", "unk", "pad", "sep", "cls", "mask"].map((name) => `${name}_token`);

/** The tokens of `added_tokens.json` and of `added_tokens_decoder`, and the names of special ones. */
export class NamedTokens {
  readonly #added: readonly JsonObject[];
  readonly #special: ReadonlySet<string>;

  /**
   * Takes over the files.
   *
   * @param config The `tokenizer_config.json`.
   * @param added The `added_tokens.json`: ids by text.
   */
  constructor(config: JsonObject, added: JsonObject) {
    const names = NAMES.map((name) => tokenText(config[name]));
    const more = Array.isArray(config.additional_special_tokens)
      ? config.additional_special_tokens.map(tokenText)
      : [];
    this.#special = new Set([...names, ...more].filter((text) => text !== undefined));
    const decoder = isJsonObject(config.added_tokens_decoder) ? config.added_tokens_decoder : {};
    this.#added = [
      ...Object.entries(added).map(([content, id]) => this.#entry(content, id)),
      ...Object.entries(decoder).map(([id, token]) =>
        isJsonObject(token) ? { ...token, id: Number(id) } : { content: token, id: Number(id) }
      ),
    ];
  }

  /** The list with these tokens put in, by their ids. */
  merge(list: readonly Json[]): Json[] {
    const byId = new Map<Json | undefined, Json>();
    for (const token of [...list, ...this.#added]) {
      if (isJsonObject(token)) byId.set(token.id, token);
    }
    return [...byId.values()];
  }

  /** Special tokens that a vocabulary holds, as entries of `added_tokens`. */
  specialOf(vocab: JsonObject): Json[] {
    return [...this.#special]
      .filter((content) => Object.hasOwn(vocab, content))
      .map((content) => ({ ...this.#entry(content, vocab[content]), special: true }));
  }

  #entry(content: string, id: Json | undefined): JsonObject {
    return { id: id ?? null, content, normalized: false, special: this.#special.has(content) };
  }
}
