/**
 * Values of a GGUF file's metadata.
 *
 * @module
 */

/** Types of single values and their numbers in a file. */
export const GGUF_TYPES = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const;

/** A value, with the type it is stored in. */
export type GgufValue =
  | { readonly type: "u32" | "i32" | "f32"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "f32s"; readonly value: Float32Array<ArrayBuffer> }
  | { readonly type: "i32s"; readonly value: Int32Array<ArrayBuffer> };

/** Metadata by key, in order. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;
