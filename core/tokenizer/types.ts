/**
 * What the tokenizer room hands to the others.
 *
 * @module
 */

/** A message of a chat. */
export interface ChatMessage {
  /** `"system"`, `"user"` or `"assistant"`. */
  readonly role: string;
  /** What was said. */
  readonly content: string;
}

/** A model's tokenizer. */
export interface Tokenizer {
  /** One more than the largest id it can give. */
  readonly vocabSize: number;
  /** Ids of a text; with the tokenizer's default special tokens unless told otherwise. */
  encode(text: string, options?: { readonly specialTokens?: boolean }): Int32Array;
  /** Text of some ids, without special tokens. */
  decode(ids: ArrayLike<number>): string;
  /** A chat as text, by the model's template; an input error if it has none. */
  formatChat(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string;
  /** An input error if the model's embedding has fewer rows than the tokenizer has ids. */
  checkVocabulary(rows: number): void;
}
