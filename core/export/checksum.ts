/**
 * A fast checksum of bytes.
 *
 * @module
 */

/**
 * 128 bits over bytes that come in pieces. It guards against accidents, not against people: four lanes of 32 bits
 * take the words in turn, and each word changes its lane by a one-to-one map, so that a single wrong word
 * never goes unseen. Equal bytes have equal checksums if they are cut into equal pieces.
 */
export class Checksum {
  readonly #lanes = Uint32Array.of(1, 2, 3, 4);

  /** Goes on with a piece that starts at a multiple of four in its buffer. */
  add(bytes: Uint8Array<ArrayBuffer>): void {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    const whole = words.length & ~3;
    let [a, b, c, d] = this.#lanes as unknown as [number, number, number, number];
    for (let i = 0; i < whole; i += 4) {
      a = step(a, words[i]!);
      b = step(b, words[i + 1]!);
      c = step(c, words[i + 2]!);
      d = step(d, words[i + 3]!);
    }
    for (let i = whole; i < words.length; i++) a = step(a, words[i]!);
    for (let i = words.length << 2; i < bytes.length; i++) b = step(b, bytes[i]!);
    this.#lanes.set([a, b, c, step(d, bytes.length)]);
  }

  /** The checksum so far, in hexadecimal. */
  get text(): string {
    return Array.from(this.#lanes, (lane) => lane.toString(16).padStart(8, "0")).join("");
  }
}

/** One-to-one in `word` for each `lane`: the factor is odd, and a turned lane loses nothing. */
function step(lane: number, word: number): number {
  const product = Math.imul(lane ^ word, 0x9e3779b1);
  return (product << 13) | (product >>> 19);
}
