/**
 * The fields of a protobuf message.
 *
 * @module
 */

/** A field: its number, and a whole number, a float or bytes. */
export interface ProtobufField {
  /** Which field of the message. */
  readonly number: number;
  /** A varint as a signed number of 32 bits, or a float of 32 bits. 0 for bytes and what is 64 bits wide. */
  readonly value: number;
  /** Bytes of a text or an inner message; empty for numbers. */
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/**
 * Reads the fields one by one; nothing is copied, and nothing outside `bytes` is looked at
 * (protobuf.dev/programming-guides/encoding).
 *
 * @throws {Error} Where the bytes are not a message.
 */
export function* protobufFields(bytes: Uint8Array): Generator<ProtobufField> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;

  /** The low 32 bits; the others count for nothing here. */
  function varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= bytes.length) throw new Error("a number is cut off");
      const byte = bytes[at++]!;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Error("a number has too many bytes");
  }

  function skip(count: number): number {
    const start = at;
    if (count < 0 || count > bytes.length - at) throw new Error("a field is cut off");
    at += count;
    return start;
  }

  while (at < bytes.length) {
    const key = varint() >>> 0;
    const number = key >>> 3;
    if (number === 0) throw new Error("a field has no number");
    switch (key & 7) {
      case 0:
        yield { number, value: varint(), bytes: NOTHING };
        break;
      case 1:
        skip(8);
        yield { number, value: 0, bytes: NOTHING };
        break;
      case 2: {
        const length = varint();
        const start = skip(length);
        yield { number, value: 0, bytes: bytes.subarray(start, start + length) };
        break;
      }
      case 5:
        yield { number, value: view.getFloat32(skip(4), true), bytes: NOTHING };
        break;
      default:
        throw new Error("a field is of an unknown kind");
    }
  }
}
