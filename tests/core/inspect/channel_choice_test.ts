import {
  channelCount,
  columnNorms,
  largestChannels,
  randomChannels,
} from "../../../core/inspect/channel_choice.ts";
import { seededRandom } from "../../../core/random.ts";
import assert from "node:assert/strict";

Deno.test("a share is a whole number of channels, at least one and at most all", () => {
  assert.deepEqual([0.001, 0.01, 0.03, 0.5, 1, 2].map((share) => channelCount(128, share)), [
    ...[1, 1, 4, 64, 128, 128],
  ]);
});

Deno.test("the largest channels come first, the lower index where they are equal", () => {
  assert.deepEqual([...largestChannels([1, 5, 3, 5, 2], 3)], [1, 3, 2]);
});

Deno.test("channels by chance are different ones, the same for the same seed", () => {
  const draw = (seed: string): number[] => [...randomChannels(40, 12, seededRandom(seed))];
  const first = draw("a");
  assert.equal(new Set(first).size, 12);
  assert.ok(first.every((channel) => channel >= 0 && channel < 40));
  assert.deepEqual(draw("a"), first);
  assert.notDeepEqual(draw("b"), first);
  assert.deepEqual([...randomChannels(5, 5, seededRandom(1))].sort(), [0, 1, 2, 3, 4]);
});

Deno.test("norms are those of the columns", () => {
  assert.deepEqual([...columnNorms(Float32Array.of(3, 0, 1, 4, 0, 0), 3)], [5, 0, 1]);
});
