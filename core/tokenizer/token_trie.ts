/**
 * Finds tokens at a place in a text.
 *
 * @module
 */

/** Where a step of the search leads: slots of an open hash table, so that 256,000 tokens take some 40 MB. */
export class TokenTrie {
  /** Slot -> node it starts from, one more; 0 where the slot is free. */
  #from = new Int32Array(1024);
  /** Slot -> UTF-16 unit of the step. */
  #unit = new Uint16Array(1024);
  /** Slot -> node it leads to. */
  #to = new Int32Array(1024);
  /** Node -> token that ends there, one more; 0 for none. */
  #ends = new Int32Array(1024);
  #nodes = 1;

  /** The root of every search. */
  static readonly ROOT = 0;

  /** Holds the tokens under their place in the list; of equal ones the last counts. */
  constructor(tokens: Iterable<string>) {
    let id = 0;
    for (const token of tokens) this.#add(token, id++);
  }

  /** The node that a UTF-16 unit leads to; -1 for none. */
  next(node: number, unit: number): number {
    const mask = this.#from.length - 1;
    for (let slot = hash(node, unit) & mask;; slot = (slot + 1) & mask) {
      const from = this.#from[slot]!;
      if (from === 0) return -1;
      if (from === node + 1 && this.#unit[slot] === unit) return this.#to[slot]!;
    }
  }

  /** The token that ends at a node; -1 for none. */
  tokenAt(node: number): number {
    return this.#ends[node]! - 1;
  }

  /** The longest token that starts at a place of a text; -1 for none. */
  longest(text: string, at: number): number {
    let node = TokenTrie.ROOT;
    let found = -1;
    for (; at < text.length; at++) {
      node = this.next(node, text.charCodeAt(at));
      if (node < 0) break;
      const token = this.tokenAt(node);
      if (token >= 0) found = token;
    }
    return found;
  }

  #add(token: string, id: number): void {
    let node = TokenTrie.ROOT;
    for (let at = 0; at < token.length; at++) {
      const unit = token.charCodeAt(at);
      const next = this.next(node, unit);
      node = next < 0 ? this.#step(node, unit) : next;
    }
    this.#ends[node] = id + 1;
  }

  #step(node: number, unit: number): number {
    if (this.#nodes * 2 > this.#from.length) this.#grow();
    const made = this.#nodes++;
    this.#put(node, unit, made);
    return made;
  }

  #put(node: number, unit: number, to: number): void {
    const mask = this.#from.length - 1;
    let slot = hash(node, unit) & mask;
    while (this.#from[slot] !== 0) slot = (slot + 1) & mask;
    this.#from[slot] = node + 1;
    this.#unit[slot] = unit;
    this.#to[slot] = to;
  }

  #grow(): void {
    const [from, unit, to, ends] = [this.#from, this.#unit, this.#to, this.#ends];
    const size = from.length * 2;
    this.#from = new Int32Array(size);
    this.#unit = new Uint16Array(size);
    this.#to = new Int32Array(size);
    this.#ends = new Int32Array(size);
    this.#ends.set(ends);
    for (let slot = 0; slot < from.length; slot++) {
      if (from[slot] !== 0) this.#put(from[slot]! - 1, unit[slot]!, to[slot]!);
    }
  }
}

function hash(node: number, unit: number): number {
  const mixed = Math.imul(node, 0x9e3779b1) ^ Math.imul(unit + 1, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
