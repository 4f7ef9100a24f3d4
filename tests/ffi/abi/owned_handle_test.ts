import assert from "node:assert/strict";
import { OwnedHandle } from "../../../ffi/abi/owned_handle.ts";

Deno.test("OwnedHandle is released once, when neither owner nor call needs it", () => {
  const released: number[] = [];
  const owned = new OwnedHandle(7, (_, handle) => released.push(handle));
  owned.hold();
  owned.hold();
  owned.end();
  owned.end();
  assert.deepEqual([owned.living, released], [false, []]);
  owned.letGo();
  assert.deepEqual(released, []);
  owned.letGo();
  assert.deepEqual(released, [7]);
});

Deno.test("OwnedHandle outlives calls that end before its owner", () => {
  const released: number[] = [];
  const owned = new OwnedHandle(7, (_, handle) => released.push(handle));
  owned.hold();
  owned.letGo();
  assert.deepEqual([owned.living, released], [true, []]);
  owned.end();
  assert.deepEqual(released, [7]);
});
