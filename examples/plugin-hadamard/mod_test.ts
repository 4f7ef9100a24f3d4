import { createReferenceBackend, type Model, openModel, quantizeInMemory } from "@salient/quant";
import { rtn } from "@salient/quant/plugins/rtn";
import { conformance } from "@salient/quant/testing";
import assert from "node:assert/strict";
import activations from "./activations.ts";
import hadamard from "./mod.ts";
import { orthogonalMatrix } from "./orthogonal_matrix.ts";

const cases = conformance(() => hadamard(), {
  backend: createReferenceBackend,
  refused: [
    () => hadamard({ residual: "yes" } as never),
    () => hadamard({ resdual: false } as never),
  ],
});
for (const { name, run } of cases) Deno.test(`hadamard ${name}`, run);

Deno.test("orthogonalMatrix() is orthogonal, symmetric and flat at any size", () => {
  for (const size of [1, 2, 3, 8, 12, 18, 64, 72, 144, 576]) {
    const matrix = orthogonalMatrix(size);
    const at = (i: number, j: number): number => matrix[i * size + j] ?? NaN;
    // A symmetric matrix is orthogonal if its square is 1. Some rows will do for the large ones.
    for (let i = 0; i < size; i += size > 100 ? 37 : 1) {
      for (let j = 0; j < size; j++) {
        assert.equal(at(i, j), at(j, i));
        let product = 0;
        for (let k = 0; k < size; k++) product += at(i, k) * at(j, k);
        assert.ok(
          Math.abs(product - (i === j ? 1 : 0)) < 1e-6,
          `size ${size}, ${i}, ${j}`,
        );
        assert.ok(Math.abs(at(i, j)) <= Math.sqrt(2 / size) + 1e-7);
      }
    }
  }
  assert.throws(() => orthogonalMatrix(0), /no size/);
});

Deno.test("the rotated model computes the same, and its weights are others", async () => {
  const directory = import.meta.resolve("@salient/quant").replace(
    /mod\.ts$/,
    "models/salient-tiny",
  );
  using backend = createReferenceBackend();
  using model = await openModel(new URL(directory).pathname, backend);
  const rounded = await quantizeInMemory({
    model,
    backend,
    plugins: [hadamard(), rtn({ bits: 8, groupSize: 32 })],
  });
  using rotated = rounded.model;
  const [before, after] = [await logits(model), await logits(rotated)];
  const difference = Math.hypot(...before.map((value, i) => value - after[i]!));
  const relative = difference / Math.hypot(...before);
  assert.ok(relative < 0.02, `the logits differ by ${relative}`);
  assert.equal(rounded.report.method, "hadamard+rtn");
});

/** Logits of the last of some tokens. */
async function logits(model: Model): Promise<Float32Array> {
  let hidden = await model.embed(Int32Array.of(35, 461, 457, 12, 900, 77));
  for (let index = 0; index < model.config.blocks; index++) {
    using input = hidden;
    using block = await model.loadBlock(index);
    hidden = await block.run(input, { sequences: 1 });
  }
  using all = hidden;
  using last = model.backend.rows(all, 5, 1);
  using result = await model.logits(last);
  return model.backend.download(result);
}

Deno.test("it goes before a method", () => {
  assert.equal(
    [hadamard(), rtn({ bits: 4 })].map(({ name }) => name).join("+"),
    "hadamard+rtn",
  );
});

Deno.test("activations() asks for what it was told, and refuses what there is not", () => {
  const ask = activations({ to: 4 }).quantizeActivation;
  assert.deepEqual(ask?.({} as never, {} as never), {
    bits: 4,
    granularity: "token",
    dynamic: true,
  });
  assert.throws(() => activations({ to: 9 }), /2 to 8 bits but is 9/);
  assert.throws(() => activations({ two: 8 } as never), /two of activations is unknown/);
});
