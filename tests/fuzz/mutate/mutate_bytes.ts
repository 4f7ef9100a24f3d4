/**
 * Damage to bytes that nothing is known of.
 *
 * @module
 */

import { type Dice, EDGES } from "./dice.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Flips, overwrites, cuts, repeats, inserts or joins bytes; `within` bounds where, in bytes from the start. */
export function mutateBytes(bytes: Bytes, dice: Dice, within = bytes.length): Bytes {
  if (bytes.length === 0) return Uint8Array.of(dice.below(256));
  const at = dice.below(Math.max(1, Math.min(within, bytes.length)));
  switch (dice.below(8)) {
    case 0:
      return changed(bytes, at, bytes[at]! ^ 1 << dice.below(8));
    case 1:
      return changed(bytes, at, dice.pick([0, 1, 127, 128, 255, dice.below(256)]));
    case 2:
      return bytes.slice(0, at);
    case 3: // a piece is left out
      return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + dice.below(64)));
    case 4: // a piece comes twice
      return joined(bytes.subarray(0, at + 1 + dice.below(64)), bytes.subarray(at));
    case 5: { // a number of 2, 4 or 8 bytes
      const copy = bytes.slice();
      const view = new DataView(copy.buffer);
      const width = dice.pick([2, 4, 8]);
      if (at + width > copy.length) return bytes.slice(0, at);
      const value = BigInt(dice.pick(EDGES)) - BigInt(dice.below(3));
      if (width === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), true);
      else if (width === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
      else view.setBigUint64(at, BigInt.asUintN(64, value), true);
      return copy;
    }
    case 6: { // a piece from elsewhere
      const copy = bytes.slice();
      const from = dice.below(bytes.length);
      copy.copyWithin(at, from, from + dice.below(256));
      return copy;
    }
    default: {
      const noise = Uint8Array.from({ length: 1 + dice.below(16) }, () => dice.below(256));
      return joined(bytes.subarray(0, at), noise, bytes.subarray(at));
    }
  }
}

function changed(bytes: Bytes, at: number, value: number): Bytes {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

/** Several pieces as one. */
export function joined(...parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
