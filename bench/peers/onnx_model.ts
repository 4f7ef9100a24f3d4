/**
 * Writes the one ONNX model that the comparison needs: products with 4-bit weights (MatMulNBits), several
 * weights on one input.
 *
 * The bytes are protocol buffers: a message is fields, each a tag (number * 8 + wire type) and a value.
 * Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto, TensorProto ...).
 *
 * @module
 */

import type { Int4Blocks } from "./int4_blocks.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const INT64_TYPE = 2;
const FLOAT = 1;
const UINT8 = 2;

function joined(parts: readonly Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function varint(value: number): Bytes {
  const bytes: number[] = [];
  do {
    bytes.push((value % 128) | (value >= 128 ? 128 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return Uint8Array.from(bytes);
}

function whole(field: number, value: number): Bytes {
  return joined([varint(field * 8), varint(value)]);
}

function bytes(field: number, value: Bytes): Bytes {
  return joined([varint(field * 8 + 2), varint(value.length), value]);
}

function text(field: number, value: string): Bytes {
  return bytes(field, new TextEncoder().encode(value));
}

function message(field: number, ...parts: Bytes[]): Bytes {
  return bytes(field, joined(parts));
}

function tensor(
  name: string,
  type: number,
  shape: readonly number[],
  data: ArrayBufferView,
): Bytes {
  const raw = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return message(5, ...shape.map((d) => whole(1, d)), whole(2, type), text(8, name), bytes(9, raw));
}

function attribute(name: string, value: number): Bytes {
  return message(5, text(1, name), whole(3, value), whole(20, INT64_TYPE));
}

function value(field: number, name: string, shape: readonly number[]): Bytes {
  const dims = message(2, ...shape.map((d) => message(1, whole(1, d))));
  return message(field, text(1, name), message(2, message(1, whole(1, FLOAT), dims)));
}

/** What {@linkcode matMulNBitsModel} makes. */
export interface MatMulNBits {
  /** Tokens. */
  readonly T: number;
  /** Outputs. */
  readonly N: number;
  /** Inputs. */
  readonly K: number;
  /** Inputs that share a scale. */
  readonly block: number;
  /** Nodes, each with a weight of its own; outputs `y0`, `y1`, ... */
  readonly copies: number;
  /** 0 leaves it to the runtime, 4 rounds the input to int8. */
  readonly accuracyLevel: 0 | 4;
}

/** Rows of N, the first `by` of which come last. */
function turned<Data extends Uint8Array | Float32Array>(data: Data, N: number, by: number): Data {
  const at = data.length / N * by;
  const all = data.slice() as Data;
  all.set(data.subarray(at));
  all.set(data.subarray(0, at), data.length - at);
  return all;
}

/**
 * The model's bytes: input `x` [T, K], outputs `y0`, `y1`, ... [T, N], one node for each weight. No two weights are
 * equal, or the runtime would keep one for all: each has its rows in another order, the last one in the given one.
 */
export function matMulNBitsModel(shape: MatMulNBits, weight: Int4Blocks): Bytes {
  const { T, N, K, block, copies } = shape;
  const blocks = K / block;
  const graph: Bytes[] = [text(2, "products"), value(11, "x", [T, K])];
  for (let i = 0; i < copies; i++) {
    const by = copies - 1 - i;
    graph.push(
      message(
        1,
        ...["x", `codes${i}`, `scales${i}`, `zeros${i}`].map((name) => text(1, name)),
        text(2, `y${i}`),
        text(3, `product${i}`),
        text(4, "MatMulNBits"),
        attribute("K", K),
        attribute("N", N),
        attribute("bits", 4),
        attribute("block_size", block),
        attribute("accuracy_level", shape.accuracyLevel),
        text(7, "com.microsoft"),
      ),
      tensor(`codes${i}`, UINT8, [N, blocks, block / 2], turned(weight.codes, N, by)),
      tensor(`scales${i}`, FLOAT, [N * blocks], turned(weight.scales, N, by)),
      tensor(`zeros${i}`, UINT8, [weight.zeros.length], turned(weight.zeros, N, by)),
      value(12, `y${i}`, [T, N]),
    );
  }
  return joined([
    whole(1, 8),
    text(2, "salient-bench"),
    message(7, ...graph),
    message(8, text(1, ""), whole(2, 17)),
    message(8, text(1, "com.microsoft"), whole(2, 1)),
  ]);
}
