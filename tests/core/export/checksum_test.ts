/**
 * The checksum sees every accident that it claims to see.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Checksum } from "../../../core/export/checksum.ts";

function checksum(...pieces: Uint8Array<ArrayBuffer>[]): string {
  const sum = new Checksum();
  for (const piece of pieces) sum.add(piece);
  return sum.text;
}

Deno.test("Checksum has 128 bits and depends on the bytes alone", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5);
  assert.match(checksum(bytes), /^[0-9a-f]{32}$/);
  assert.equal(checksum(bytes), checksum(bytes.slice()));
});

Deno.test("Checksum changes with every single byte", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 70 });
  fc.assert(fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (data, at, flip) => {
    const changed = Uint8Array.from(data);
    changed[at % data.length]! ^= flip;
    assert.notEqual(checksum(changed), checksum(Uint8Array.from(data)));
  }));
});

Deno.test("Checksum changes with the order of pieces and with zeros at the end", () => {
  const [a, b] = [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8)];
  assert.notEqual(checksum(a, b), checksum(b, a));
  assert.notEqual(checksum(new Uint8Array(16)), checksum(new Uint8Array(17)));
  assert.notEqual(checksum(new Uint8Array(16)), checksum(new Uint8Array(32)));
});
