/**
 * Thrift's compact protocol, as parquet files use it: numbers out of structures, everything else passed over.
 *
 * @module
 */

/** Structures and lists inside each other; parquet has some eight. */
const DEEPEST = 16;

/** Moves through bytes from their start. Leaving them is a RangeError, as is everything that parquet does not have. */
export class CompactReader {
  /** Bytes passed. */
  at = 0;
  readonly #bytes: Uint8Array;

  /** Starts at the first byte. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bytes left. */
  get left(): number {
    return this.#bytes.length - this.at;
  }

  /** Passes over some bytes, which must be there. */
  skip(count: number): void {
    if (!(count >= 0 && count <= this.left)) {
      throw new RangeError("something is longer than the file");
    }
    this.at += count;
  }

  /**
   * Reads a whole structure. Every length in it is checked.
   *
   * @returns The whole numbers in it, by the numbers of the fields that lead to them: `5.1`. Those in lists are left out.
   */
  structure(): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    this.#structure("", 0, found);
    return found;
  }

  #structure(prefix: string, depth: number, found: Map<string, number> | undefined): void {
    if (depth > DEEPEST) throw new RangeError("structures lie too deep in each other");
    let field = 0;
    while (true) {
      const head = this.#byte();
      const type = head & 15;
      if (type === 0) return;
      field = head >> 4 === 0 ? this.#zigzag() : field + (head >> 4);
      this.#value(type, `${prefix}${field}`, depth, found);
    }
  }

  #value(
    type: number,
    name: string,
    depth: number,
    found: Map<string, number> | undefined,
  ): void {
    switch (type) {
      case 1: // true and false stand in the type
      case 2:
        return;
      case 3:
        return this.skip(1);
      case 4:
      case 5:
      case 6: {
        const value = this.#zigzag();
        found?.set(name, value);
        return;
      }
      case 7:
        return this.skip(8);
      case 8:
        return this.skip(this.#varint());
      case 9:
        return this.#list(depth + 1);
      case 12:
        return this.#structure(`${name}.`, depth + 1, found);
      default:
        throw new RangeError(`there is a value of type ${type}`);
    }
  }

  #list(depth: number): void {
    const head = this.#byte();
    const type = head & 15;
    const count = head >> 4 === 15 ? this.#varint() : head >> 4;
    // Everything takes a byte or more.
    if (count > this.left) throw new RangeError("a list is longer than the file");
    if (depth > DEEPEST) throw new RangeError("lists lie too deep in each other");
    for (let i = 0; i < count; i++) {
      if (type === 1 || type === 2) this.skip(1);
      else this.#value(type, "", depth, undefined);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw new RangeError("it is cut short");
    this.at++;
    return byte;
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new RangeError("a number has too many bytes");
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
