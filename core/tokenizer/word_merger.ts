/**
 * Merges the tokens of one word.
 *
 * @module
 */

import type { MergeTable } from "./merge_table.ts";

/** Above every place in a word, so that one number holds a rank and a place and sorts by both. */
const PLACES = 2 ** 28;

/**
 * Byte-pair merging (Sennrich et al. 2016): of all neighbours that can be merged, the pair that is first in the list,
 * and of equal ones the leftmost, until none is left. n log n in the length of the word.
 */
export class WordMerger {
  readonly #table: MergeTable;
  #size = 0;
  #ids = new Int32Array(64);
  #before = new Int32Array(64);
  #after = new Int32Array(64);
  /** A binary heap of rank * PLACES + place; never more than three entries for each token. */
  #heap = new Float64Array(192);
  #heapSize = 0;

  /** Merges by a table. */
  constructor(table: MergeTable) {
    this.#table = table;
  }

  /** Starts with an empty word. */
  clear(): void {
    this.#size = 0;
  }

  /** Puts a token at the end of the word. */
  add(id: number): void {
    if (this.#size === this.#ids.length) {
      if (this.#size * 2 > PLACES) throw new Error("a word of it is too long");
      this.#ids = grown(this.#ids);
      this.#before = new Int32Array(this.#ids.length);
      this.#after = new Int32Array(this.#ids.length);
      this.#heap = new Float64Array(3 * this.#ids.length);
    }
    this.#ids[this.#size++] = id;
  }

  /** The word's tokens after all merges. */
  merge(): number[] {
    const [ids, before, after, size] = [this.#ids, this.#before, this.#after, this.#size];
    this.#heapSize = 0;
    for (let at = 0; at < size; at++) {
      before[at] = at - 1;
      after[at] = at + 1 < size ? at + 1 : -1;
      this.#offer(at);
    }
    while (this.#heapSize > 0) {
      const key = this.#pop();
      const place = key % PLACES;
      const next = after[place]!;
      if (ids[place]! < 0 || next < 0) continue;
      // What is here now may be another pair than when it was offered.
      const rank = this.#table.rank(ids[place]!, ids[next]!);
      const made = this.#table.made(Math.floor(key / PLACES));
      if (rank < 0 || this.#table.made(rank) !== made) continue;
      ids[place] = made;
      ids[next] = -1;
      const beyond = after[next]!;
      after[place] = beyond;
      if (beyond >= 0) before[beyond] = place;
      if (before[place]! >= 0) this.#offer(before[place]!);
      this.#offer(place);
    }
    const merged: number[] = [];
    for (let at = size > 0 ? 0 : -1; at >= 0; at = after[at]!) merged.push(ids[at]!);
    return merged;
  }

  /** Remembers the merge of the token at a place with the next one, if there is one. */
  #offer(place: number): void {
    const next = this.#after[place]!;
    if (next < 0) return;
    const rank = this.#table.rank(this.#ids[place]!, this.#ids[next]!);
    if (rank < 0) return;
    const key = rank * PLACES + place;
    let at = this.#heapSize++;
    for (; at > 0; at = (at - 1) >> 1) {
      const parent = this.#heap[(at - 1) >> 1]!;
      if (parent <= key) break;
      this.#heap[at] = parent;
    }
    this.#heap[at] = key;
  }

  #pop(): number {
    const heap = this.#heap;
    const least = heap[0]!;
    const size = --this.#heapSize;
    const last = heap[size]!;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= last) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return least;
  }
}

function grown(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
