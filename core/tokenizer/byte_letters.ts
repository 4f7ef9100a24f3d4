/**
 * The letters that byte-level tokenizers write bytes with.
 *
 * @module
 */

/** Byte -> letter: printable bytes of Latin-1 as they are, the others from U+0100 on. */
const LETTERS: readonly string[] = makeLetters();

/** Letter -> byte. */
const BYTES: ReadonlyMap<string, number> = new Map(LETTERS.map((letter, byte) => [letter, byte]));

const PLAIN = /^[!-~]*$/;
const SPACED = /^ [!-~]*$/;

/** The bytes of a text in UTF-8, a letter each. */
export function byteLetters(text: string): string {
  if (PLAIN.test(text)) return text;
  if (SPACED.test(text)) return LETTERS[0x20] + text.slice(1);
  let letters = "";
  // Not TextEncoder: a call for each word takes longer than all the rest.
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at)!;
    if (code < 0x80) letters += LETTERS[code];
    else if (code < 0x800) letters += LETTERS[0xc0 | code >> 6]! + last(code);
    else if (code < 0x10000) letters += LETTERS[0xe0 | code >> 12]! + last(code >> 6) + last(code);
    else {
      letters += LETTERS[0xf0 | code >> 18]! + last(code >> 12) + last(code >> 6) + last(code);
      at++;
    }
  }
  return letters;
}

function last(code: number): string {
  return LETTERS[0x80 | code & 0x3f]!;
}

/** Appends the bytes that letters stand for; false, with nothing appended, where one stands for none. */
export function appendBytes(letters: string, bytes: number[]): boolean {
  const start = bytes.length;
  for (const letter of letters) {
    const byte = BYTES.get(letter);
    if (byte === undefined) {
      bytes.length = start;
      return false;
    }
    bytes.push(byte);
  }
  return true;
}

function makeLetters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCodePoint(isPrintable ? byte : next++);
  });
}
