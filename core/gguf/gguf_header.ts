/**
 * Writes the header of a GGUF file.
 *
 * @module
 */

import { GGML_TYPES, type GgmlType } from "./ggml_type.ts";
import { GGUF_TYPES, type GgufMetadata, type GgufValue } from "./gguf_value.ts";

/** Tensors and the end of the header lie at multiples of this. */
export const GGUF_ALIGNMENT = 32;

/** A tensor as the header names it. */
export interface GgufTensorHead {
  /** Its name. */
  readonly name: string;
  /** Sizes, outermost first, as everywhere here; the file has them the other way round. */
  readonly shape: readonly number[];
  /** How its numbers are stored. */
  readonly type: GgmlType;
  /** From the start of the data. */
  readonly offset: number;
}

/** The bytes of a version 3 header, filled up to the alignment. Its length depends on names and shapes only. */
export function ggufHeader(
  metadata: GgufMetadata,
  tensors: readonly GgufTensorHead[],
): Uint8Array<ArrayBuffer> {
  const out = new Bytes();
  out.raw(new TextEncoder().encode("GGUF")).u32(3).u64(tensors.length).u64(metadata.size);
  for (const [key, value] of metadata) writeValue(out.string(key), value);
  for (const { name, shape, type, offset } of tensors) {
    out.string(name).u32(shape.length);
    for (const length of shape.toReversed()) out.u64(length);
    out.u32(GGML_TYPES[type].id).u64(offset);
  }
  return out.joined();
}

function writeValue(out: Bytes, { type, value }: GgufValue): void {
  switch (type) {
    case "u32":
    case "i32":
      return void out.u32(GGUF_TYPES[type]).u32(value);
    case "f32":
      return void out.u32(GGUF_TYPES.f32).raw(new Uint8Array(Float32Array.of(value).buffer));
    case "bool":
      return void out.u32(GGUF_TYPES.bool).raw(Uint8Array.of(value ? 1 : 0));
    case "string":
      return void out.u32(GGUF_TYPES.string).string(value);
    case "strings":
      out.u32(GGUF_TYPES.array).u32(GGUF_TYPES.string).u64(value.length);
      for (const each of value) out.string(each);
      return;
    case "f32s":
    case "i32s":
      out.u32(GGUF_TYPES.array).u32(GGUF_TYPES[type === "f32s" ? "f32" : "i32"]);
      return void out.u64(value.length).raw(new Uint8Array(value.slice().buffer));
  }
}

/** Grows as it is written to. */
class Bytes {
  #bytes = new Uint8Array(2 ** 16);
  #length = 0;

  raw(part: Uint8Array): this {
    if (this.#length + part.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#length + part.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#length);
    this.#length += part.length;
    return this;
  }

  u32(value: number): this {
    return this.raw(new Uint8Array(Uint32Array.of(value).buffer));
  }

  u64(value: number): this {
    return this.raw(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }

  string(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.u64(bytes.length).raw(bytes);
  }

  joined(): Uint8Array<ArrayBuffer> {
    const padded = new Uint8Array(Math.ceil(this.#length / GGUF_ALIGNMENT) * GGUF_ALIGNMENT);
    padded.set(this.#bytes.subarray(0, this.#length));
    return padded;
  }
}
