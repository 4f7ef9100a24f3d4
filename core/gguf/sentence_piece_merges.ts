/**
 * Merges out of SentencePiece scores.
 *
 * @module
 */

import { TOKEN_TYPES } from "./tokenizer_metadata.ts";

/** Tokens of more characters are made of long runs; cutting them everywhere would take long. */
const LONGEST = 256;

/**
 * Every pair of tokens that makes a third one, best score of that first: with them, merging by the first pair in
 * the list does what SentencePiece does by scores.
 */
export function sentencePieceMerges(
  tokens: readonly string[],
  types: readonly number[],
  scores: readonly number[],
): readonly string[] {
  const known = new Set(tokens.filter((_, id) => isPart(types[id])));
  const found: { readonly pair: string; readonly score: number; readonly order: number }[] = [];
  for (const [id, token] of tokens.entries()) {
    if (!isPart(types[id]) || token.length > LONGEST) continue;
    const letters = [...token];
    for (let cut = 1; cut < letters.length; cut++) {
      const left = letters.slice(0, cut).join("");
      const right = letters.slice(cut).join("");
      if (!known.has(left) || !known.has(right)) continue;
      found.push({ pair: `${left} ${right}`, score: scores[id] ?? 0, order: found.length });
    }
  }
  return found.sort((a, b) => b.score - a.score || a.order - b.order).map(({ pair }) => pair);
}

function isPart(type: number | undefined): boolean {
  return type === TOKEN_TYPES.normal || type === TOKEN_TYPES.added;
}
