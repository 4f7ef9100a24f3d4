/**
 * Damage to GGUF files.
 *
 * @module
 */

import { type Dice, EDGES } from "./dice.ts";
import { joined, mutateBytes } from "./mutate_bytes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A number in the header, or a text. */
interface Field {
  readonly at: number;
  readonly width: number;
  readonly kind: "count" | "type" | "value" | "text";
}

/** Bytes of values by their type; 8 is text and 9 a list. */
const WIDTHS: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};

/** Changes a count, a type, a value or a text of the header, the data, or any bytes. */
export function mutateGguf(bytes: Bytes, dice: Dice): Bytes {
  const fields = fieldsOf(bytes);
  const last = fields.at(-1);
  if (last === undefined || dice.oneIn(6)) return mutateBytes(bytes, dice, last?.at);
  if (dice.oneIn(8)) return mutateBytes(bytes, dice);
  const wanted = dice.pick(["count", "type", "value", "text"]);
  const alike = fields.filter((each) => each.kind === wanted);
  const { at, width, kind } = dice.pick(alike.length === 0 ? fields : alike);
  if (kind === "text") {
    // In its length, so that what follows stays in its place; or longer, so that nothing does.
    const text = bytes.slice(at, at + width);
    const changed = dice.oneIn(4) ? joined(text, text) : mutateBytes(text, dice).slice(0, width);
    const padded = new Uint8Array(Math.max(width, changed.length));
    padded.set(changed);
    return joined(bytes.subarray(0, at), padded, bytes.subarray(at + width));
  }
  const copy = bytes.slice();
  if (kind === "type") {
    const types = [...Array(14).keys(), 30, 99];
    new DataView(copy.buffer).setUint32(at, dice.pick(types), true);
    return copy;
  }
  const value = BigInt(dice.pick(EDGES)) + BigInt(dice.below(5) - 2);
  const number = new DataView(new ArrayBuffer(8));
  number.setBigUint64(0, BigInt.asUintN(64, value), true);
  if (kind === "value" && width === 4 && dice.oneIn(3)) {
    number.setFloat32(0, dice.pick([NaN, Infinity, -Infinity, -1, 0, 1e-30, 1e30]), true);
  }
  copy.set(new Uint8Array(number.buffer, 0, width), at);
  return copy;
}

/** Where the header of a valid file has its numbers and texts. */
export function fieldsOf(bytes: Bytes): readonly Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fields: Field[] = [];
  let at = 4;
  const number = (kind: Field["kind"], width: 4 | 8): number => {
    fields.push({ at, width, kind });
    const value = width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
    at += width;
    return value;
  };
  const text = (): void => {
    const width = number("count", 8);
    fields.push({ at, width, kind: "text" });
    at += width;
  };
  const value = (type: number): void => {
    const width = WIDTHS[type];
    if (type === 8) return text();
    if (width === undefined || at + width > bytes.length) throw new RangeError(`type ${type}`);
    fields.push({ at, width, kind: "value" });
    at += width;
  };
  try {
    number("count", 4);
    const tensors = number("count", 8);
    const keys = number("count", 8);
    for (let i = 0; i < keys; i++) {
      text();
      const type = number("type", 4);
      if (type !== 9) {
        value(type);
        continue;
      }
      const element = number("type", 4);
      const count = number("count", 8);
      for (let j = 0; j < count; j++) value(element);
    }
    for (let i = 0; i < tensors; i++) {
      text();
      const rank = number("count", 4);
      for (let axis = 0; axis < rank; axis++) number("count", 8);
      number("type", 4);
      number("count", 8);
    }
  } catch (error) {
    // A second change to a file whose header is damaged already.
    if (!(error instanceof RangeError)) throw error;
  }
  return fields.filter((field) => field.at + field.width <= bytes.length);
}
