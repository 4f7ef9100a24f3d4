/**
 * The file `tokenizer.model` of SentencePiece.
 *
 * @module
 */

import { protobufFields } from "./protobuf_fields.ts";

/** Most tokens; the largest vocabularies known have 262,144. */
const MOST_PIECES = 2 ** 22;

/** What a tokenizer.model says, in the words of sentencepiece_model.proto. */
export interface SentencePieceModel {
  /** `"unigram"`, or `"bpe"`. */
  readonly type: "unigram" | "bpe";
  /** Tokens by id. */
  readonly pieces: readonly string[];
  /** Their scores. */
  readonly scores: readonly number[];
  /** Their kinds: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly types: readonly number[];
  /** Whether unknown characters are their bytes. */
  readonly byteFallback: boolean;
  /** Ids of the tokens for unknown text, the beginning and the end of a text; -1 for none. */
  readonly ids: { readonly unknown: number; readonly begin: number; readonly end: number };
  /** The table of characters; empty for none. */
  readonly charsmap: Uint8Array;
  /** Whether a space is put in front of a text. */
  readonly addsSpace: boolean;
  /** Whether spaces at the ends of a text go, and runs of spaces become one. */
  readonly removesSpaces: boolean;
}

const TYPES: Readonly<Record<number, "unigram" | "bpe">> = { 1: "unigram", 2: "bpe" };
const text = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads the bytes of a tokenizer.model.
 *
 * @throws {Error} Where they are none, or of a model that is neither unigram nor bpe.
 */
export function readSentencePieceModel(bytes: Uint8Array): SentencePieceModel {
  const [pieces, scores, types]: [string[], number[], number[]] = [[], [], []];
  const trainer = new Map<number, number>();
  const normalizer = new Map<number, number>();
  let charsmap: Uint8Array = new Uint8Array(0);
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) {
      if (pieces.length === MOST_PIECES) throw new Error("it has too many tokens");
      const piece = readPiece(field.bytes);
      pieces.push(piece.text);
      scores.push(piece.score);
      types.push(piece.type);
    } else if (field.number === 2) {
      for (const { number, value } of protobufFields(field.bytes)) trainer.set(number, value);
    } else if (field.number === 3) {
      for (const { number, value, bytes } of protobufFields(field.bytes)) {
        if (number === 2) charsmap = bytes;
        normalizer.set(number, value);
      }
    }
  }
  if (pieces.length === 0) throw new Error("it has no tokens");
  const type = TYPES[trainer.get(3) ?? 1];
  if (type === undefined) throw new Error("it is a model of words or characters");
  if (trainer.get(24)) throw new Error("it puts spaces after words");
  if (normalizer.get(5) === 0) throw new Error("it does not mark spaces");
  return {
    type,
    pieces,
    scores,
    types,
    charsmap,
    byteFallback: trainer.get(35) === 1,
    ids: {
      unknown: trainer.get(40) ?? 0,
      begin: trainer.get(41) ?? 1,
      end: trainer.get(42) ?? 2,
    },
    addsSpace: normalizer.get(3) !== 0,
    removesSpaces: normalizer.get(4) !== 0,
  };
}

function readPiece(bytes: Uint8Array): { text: string; score: number; type: number } {
  const piece = { text: "", score: 0, type: 1 };
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) piece.text = text.decode(field.bytes);
    else if (field.number === 2) piece.score = field.value;
    else if (field.number === 3) piece.type = field.value;
  }
  return piece;
}
