import assert from "node:assert/strict";
import { chooseToken, type SamplerOptions } from "../../core/choose_token.ts";
import { checkSampler } from "../../core/eval/sampler.ts";
import { normalNumbers, seededRandom } from "../../core/random.ts";

const LOGITS = Float32Array.of(0, Math.log(4), Math.log(2), Math.log(1));

function shares(options: SamplerOptions): number[] {
  const random = seededRandom(1);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 8000; i++) counts[chooseToken(LOGITS, options, random())]!++;
  return counts.map((count) => count / 8000);
}

function near(actual: number[], expected: number[]): void {
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(actual[i]! - value) < 0.02);
}

Deno.test("chooseToken() at temperature 0 takes the first of the likeliest", () => {
  assert.equal(chooseToken(LOGITS, { temperature: 0 }, 0), 1);
  assert.equal(chooseToken(Float32Array.of(1, 3, 3), { temperature: 0 }, 0), 1);
  assert.equal(chooseToken(Float32Array.of(-0, 0), { temperature: 0 }, 0), 0);
});

Deno.test("chooseToken() draws by the softmax, sharpened by the temperature", () => {
  near(shares({ temperature: 1 }), [1 / 8, 4 / 8, 2 / 8, 1 / 8]);
  near(shares({ temperature: 0.5 }), [1 / 22, 16 / 22, 4 / 22, 1 / 22]);
});

Deno.test("chooseToken() keeps only what top-k and top-p allow", () => {
  near(shares({ temperature: 1, topK: 2 }), [0, 2 / 3, 1 / 3, 0]);
  near(shares({ temperature: 1, topP: 0.5 }), [0, 1, 0, 0]);
  near(shares({ temperature: 1, topP: 0.7 }), [0, 2 / 3, 1 / 3, 0]);
  near(shares({ temperature: 1, topK: 1, topP: 0.9 }), [0, 1, 0, 0]);
});

Deno.test("chooseToken() chooses nothing where logits are not finite", () => {
  for (const bad of [[NaN, 1], [1, NaN], [1, Infinity], [-Infinity, -Infinity], []]) {
    for (const temperature of [0, 1]) {
      assert.equal(chooseToken(Float32Array.from(bad), { temperature }, 0.5), -1, `${bad}`);
    }
  }
  const masked = Float32Array.of(-Infinity, 2, -Infinity);
  for (const random of [0, 0.5, 0.999999]) {
    assert.equal(chooseToken(masked, { temperature: 1 }, random), 1);
  }
});

/** As it was defined before: weights in fp32, walked through by subtraction. */
function walked(logits: Float32Array, temperature: number, random: number): number {
  const largest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp((logit - largest) / temperature));
  let left = random * weights.reduce((sum, weight) => sum + weight, 0);
  return weights.findIndex((weight) => (left -= weight) < 0);
}

Deno.test("chooseToken() chooses what walking through the weights does", () => {
  const random = seededRandom(3);
  let same = 0;
  for (let i = 0; i < 300; i++) {
    const logits = normalNumbers(i, 500).map((x) => x * 4);
    const number = random();
    if (chooseToken(logits, { temperature: 0.8 }, number) === walked(logits, 0.8, number)) same++;
  }
  assert.equal(same, 300);
});

Deno.test("checkSampler() refuses options out of range", () => {
  const bad = [{ temperature: -1 }, { temperature: NaN }, { temperature: 1, topK: 0 }, {
    temperature: 1,
    topP: 0,
  }, { temperature: 1, topP: 1.1 }];
  for (const options of bad) assert.throws(() => checkSampler(options), { code: "usage" });
});
