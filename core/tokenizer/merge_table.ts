/**
 * Which two tokens make which third one.
 *
 * @module
 */

/** The merges of a byte-pair model by their two tokens: an open hash table. */
export class MergeTable {
  readonly #lefts: Int32Array;
  readonly #rights: Int32Array;
  readonly #ranks: Int32Array;
  /** Rank -> the token made. */
  readonly #made: Int32Array;

  /** Holds merges of ids, first one first; of equal pairs the last counts. */
  constructor(merges: readonly (readonly [left: number, right: number, made: number])[]) {
    const size = 2 ** Math.ceil(Math.log2(merges.length * 2 + 2));
    this.#lefts = new Int32Array(size);
    this.#rights = new Int32Array(size);
    this.#ranks = new Int32Array(size).fill(-1);
    this.#made = Int32Array.from(merges, ([, , made]) => made);
    for (const [rank, [left, right]] of merges.entries()) {
      const slot = this.#slot(left, right);
      this.#lefts[slot] = left;
      this.#rights[slot] = right;
      this.#ranks[slot] = rank;
    }
  }

  /** The place of a pair in the list; -1 where it is not in it. */
  rank(left: number, right: number): number {
    return this.#ranks[this.#slot(left, right)]!;
  }

  /** The token that the merge of a rank makes. */
  made(rank: number): number {
    return this.#made[rank]!;
  }

  /** Where a pair is, or would be. */
  #slot(left: number, right: number): number {
    const mask = this.#ranks.length - 1;
    const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right + 1, 0x85ebca6b);
    for (let slot = (mixed ^ (mixed >>> 15)) & mask;; slot = (slot + 1) & mask) {
      if (this.#ranks[slot]! < 0) return slot;
      if (this.#lefts[slot] === left && this.#rights[slot] === right) return slot;
    }
  }
}
