/**
 * How tokens become text.
 *
 * @module
 */

import { BPEDecoder, CTCDecoder, StripDecoder, WordPieceDecoder } from "@huggingface/tokenizers";
import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { appendBytes } from "./byte_letters.ts";
import { makeReplacement } from "./normalizer.ts";

/** Texts, which joined are the text of the tokens. */
export type Decoder = (tokens: string[]) => string[];

const BYTE = /^<0x([0-9A-Fa-f]{2})>$/;
const encoder = new TextEncoder();
/** U+FEFF at the start is text like any other. */
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/**
 * The decoder of a `tokenizer.json`, with the text that the Rust library makes. Without one, tokens are joined with
 * spaces.
 *
 * @throws {Error} Where a part is of an unknown kind.
 */
export function makeDecoder(part: Json): Decoder {
  if (!isJsonObject(part)) return (tokens) => [tokens.join(" ")];
  switch (part.type) {
    case "Sequence": {
      const steps = (Array.isArray(part.decoders) ? part.decoders : []).map(makeDecoder);
      return (tokens) => steps.reduce((done, step) => step(done), tokens);
    }
    case "ByteLevel":
      return byteLevel;
    case "ByteFallback":
      return byteFallback;
    case "Metaspace":
      return metaspace(part);
    case "Replace": {
      const replace = makeReplacement(part);
      return (tokens) => tokens.map(replace);
    }
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "Strip": {
      const [start, stop] = [Number(part.start ?? 0), Number(part.stop ?? 0)];
      const content = String(part.content ?? "");
      const library = new StripDecoder({ type: "Strip", content, start, stop });
      return (tokens) => library.decode_chain(tokens);
    }
    case "WordPiece": {
      const library = new WordPieceDecoder({ ...part, type: "WordPiece" });
      return (tokens) => library.decode_chain(tokens);
    }
    case "BPEDecoder": {
      const library = new BPEDecoder({ ...part, type: "BPEDecoder" });
      return (tokens) => library.decode_chain(tokens);
    }
    case "CTC": {
      const library = new CTCDecoder({ ...part, type: "CTC" });
      return (tokens) => library.decode_chain(tokens);
    }
    default:
      throw new Error(`Unknown decoder ${String(part.type)}`);
  }
}

/** Tokens with a letter that stands for no byte, such as some added ones, are text themselves. */
function byteLevel(tokens: string[]): string[] {
  const bytes: number[] = [];
  for (const token of tokens) {
    if (!appendBytes(token, bytes)) bytes.push(...encoder.encode(token));
  }
  return [lossy.decode(Uint8Array.from(bytes))];
}

/** Bytes in a row are one text, or that many U+FFFD where they are not UTF-8. */
function byteFallback(tokens: string[]): string[] {
  const texts: string[] = [];
  let bytes: number[] = [];
  function flush(): void {
    if (bytes.length === 0) return;
    try {
      texts.push(strict.decode(Uint8Array.from(bytes)));
    } catch {
      texts.push("\uFFFD".repeat(bytes.length));
    }
    bytes = [];
  }
  for (const token of tokens) {
    const byte = BYTE.exec(token)?.[1];
    if (byte !== undefined) bytes.push(parseInt(byte, 16));
    else {
      flush();
      texts.push(token);
    }
  }
  flush();
  return texts;
}

/** Marks are spaces, and nothing in the first token of a tokenizer that puts one in front. */
function metaspace(part: JsonObject): Decoder {
  const mark = typeof part.replacement === "string" ? part.replacement : "▁";
  const prepends = (part.prepend_scheme ?? "always") !== "never" &&
    part.add_prefix_space !== false;
  return (tokens) =>
    tokens.map((token, index) => token.replaceAll(mark, index === 0 && prepends ? "" : " "));
}
