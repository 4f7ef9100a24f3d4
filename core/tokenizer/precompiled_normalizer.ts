/**
 * The table of characters that SentencePiece models bring along.
 *
 * @module
 */

/** Real tables have 240 kB. */
const MOST_BYTES = 16 * 2 ** 20;

/** Graphemes of more bytes are looked up letter by letter. */
const LONGEST = 6;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Letters that may stand together as one grapheme: anything but ASCII, and the line ends. */
const JOINABLE = /[^\0-\x7f]|\r\n/;

/** A table's trie, and its texts. */
interface Table {
  readonly units: Uint32Array;
  readonly texts: Uint8Array;
}

/**
 * Replaces graphemes, or letters, by what the table has for them.
 *
 * The table: the size of a trie in bytes as u32, the trie as little-endian u32 units (a double array in the manner
 * of Darts: bits 0-7 a label and bit 31 unset, or bit 31 set and a value; bit 8 whether a value follows; bits 10-30
 * an offset, eight bits wider where bit 9 is set), then texts that end in a zero byte each. As in the Rust
 * library the first value on the way counts, which is that of the shortest start.
 *
 * @throws {Error} Where the table is damaged.
 */
export function makePrecompiledNormalizer(base64: string): (text: string) => string {
  const table = readTable(base64);
  const known = new Map<string, string | undefined>();
  const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });

  /** What stands for a letter or grapheme; undefined where the table has nothing. */
  function lookUp(part: string): string | undefined {
    if (known.has(part)) return known.get(part);
    const made = textOf(table, find(table.units, encoder.encode(part), 0, "shortest").value);
    if (known.size < 100_000) known.set(part, made);
    return made;
  }

  function replaceLetters(part: string): string {
    let text = "";
    for (const letter of part) text += lookUp(letter) ?? letter;
    return text;
  }

  /** A stretch of text that starts and ends where graphemes do. */
  function replaceStretch(stretch: string): string {
    if (!JOINABLE.test(stretch)) return replaceLetters(stretch);
    let text = "";
    for (const { segment } of segmenter.segment(stretch)) {
      const whole = encoder.encode(segment).length < LONGEST ? lookUp(segment) : undefined;
      text += whole ?? replaceLetters(segment);
    }
    return text;
  }

  // A space starts a grapheme and lies within none but its own, so it is a safe place to cut before.
  return (text) => text.replace(/ ?[^ ]+| /g, replaceStretch);
}

/**
 * Replaces what the table has, at each place the longest, as SentencePiece itself does.
 *
 * @throws {Error} Where the table is damaged.
 */
export function makeCharsmapNormalizer(base64: string): (text: string) => string {
  const table = readTable(base64);
  return function normalize(text): string {
    const bytes = encoder.encode(text);
    const parts: string[] = [];
    let done = 0;
    for (let at = 0; at < bytes.length;) {
      const { value, length } = find(table.units, bytes, at, "longest");
      const made = textOf(table, value);
      if (made === undefined) {
        do at++; while (at < bytes.length && (bytes[at]! & 0xc0) === 0x80);
        continue;
      }
      parts.push(decoder.decode(bytes.subarray(done, at)), made);
      at += length;
      done = at;
    }
    return parts.join("") + decoder.decode(bytes.subarray(done));
  };
}

function readTable(base64: string): Table {
  if (base64.length > MOST_BYTES) throw new Error("its table of characters is too large");
  const bytes = Uint8Array.fromBase64(base64);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const trieBytes = bytes.length < 4 ? -1 : view.getUint32(0, true);
  if (trieBytes < 0 || trieBytes % 4 !== 0 || trieBytes > bytes.length - 4) {
    throw new Error("its table of characters is damaged");
  }
  const units = Uint32Array.from(
    { length: trieBytes / 4 },
    (_, at) => view.getUint32(4 + 4 * at, true),
  );
  return { units, texts: bytes.subarray(4 + trieBytes) };
}

/** The text at a place of the table. */
function textOf({ texts }: Table, place: number): string | undefined {
  if (place < 0 || place >= texts.length) return undefined;
  const end = texts.indexOf(0, place);
  return end < 0 ? undefined : decoder.decode(texts.subarray(place, end));
}

/** The value of the shortest or longest start of what lies from `at` on that has one, and its bytes; -1 for none. */
function find(
  units: Uint32Array,
  key: Uint8Array,
  at: number,
  which: "shortest" | "longest",
): { readonly value: number; readonly length: number } {
  let found = { value: -1, length: 0 };
  let node = offset(units[0] ?? 0);
  for (let end = at; end < key.length; end++) {
    const byte = key[end]!;
    node ^= byte;
    const unit = units[node] ?? 0x8000_0000;
    // No label is 0: a zero byte would find the value of what lies before it.
    if (byte === 0 || (unit & 0x8000_00ff) >>> 0 !== byte) break;
    node ^= offset(unit);
    if (((unit >>> 8) & 1) === 0) continue;
    found = { value: (units[node] ?? 0x7fff_ffff) & 0x7fff_ffff, length: end + 1 - at };
    if (which === "shortest") break;
  }
  return found;
}

function offset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
