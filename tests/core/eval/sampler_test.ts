import assert from "node:assert/strict";
import { checkSampler, type SamplerOptions, sampleToken } from "../../../core/eval/sampler.ts";
import { seededRandom } from "../../../core/random.ts";

const LOGITS = Float32Array.of(0, Math.log(4), Math.log(2), Math.log(1));

function shares(options: SamplerOptions): number[] {
  const random = seededRandom(1);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 8000; i++) counts[sampleToken(LOGITS, options, random)]!++;
  return counts.map((count) => count / 8000);
}

function near(actual: number[], expected: number[]): void {
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(actual[i]! - value) < 0.02);
}

Deno.test("sampleToken() at temperature 0 takes the first of the likeliest", () => {
  const never = () => assert.fail("no chance is involved");
  assert.equal(sampleToken(LOGITS, { temperature: 0 }, never), 1);
  assert.equal(sampleToken(Float32Array.of(1, 3, 3), { temperature: 0 }, never), 1);
});

Deno.test("sampleToken() draws by the softmax, sharpened by the temperature", () => {
  near(shares({ temperature: 1 }), [1 / 8, 4 / 8, 2 / 8, 1 / 8]);
  near(shares({ temperature: 0.5 }), [1 / 22, 16 / 22, 4 / 22, 1 / 22]);
});

Deno.test("sampleToken() keeps only what top-k and top-p allow", () => {
  near(shares({ temperature: 1, topK: 2 }), [0, 2 / 3, 1 / 3, 0]);
  near(shares({ temperature: 1, topP: 0.5 }), [0, 1, 0, 0]);
  near(shares({ temperature: 1, topP: 0.7 }), [0, 2 / 3, 1 / 3, 0]);
  near(shares({ temperature: 1, topK: 1, topP: 0.9 }), [0, 1, 0, 0]);
});

Deno.test("sampleToken() refuses logits that are not finite", () => {
  for (const bad of [NaN, Infinity]) {
    assert.throws(() => sampleToken(Float32Array.of(bad, 1), { temperature: 0 }, Math.random), {
      code: "failed",
    });
  }
});

Deno.test("checkSampler() refuses options out of range", () => {
  const bad = [{ temperature: -1 }, { temperature: NaN }, { temperature: 1, topK: 0 }, {
    temperature: 1,
    topP: 0,
  }, { temperature: 1, topP: 1.1 }];
  for (const options of bad) assert.throws(() => checkSampler(options), { code: "usage" });
});
