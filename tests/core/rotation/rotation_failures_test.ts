import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import { llama } from "../../../core/model/families/llama.ts";
import type { Family } from "../../../core/model/family.ts";
import type { ResidualSpec } from "../../../core/model/layout.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import type { ModelView, Ops, Plugin } from "../../../core/plugin.ts";
import type { TinyModelOptions } from "../../tiny_model.ts";
import { testBackends } from "../../test_backends.ts";
import { GROUPED, nearest, Workshop } from "../pipeline/pipeline_fixtures.ts";
import { orthogonal, orthogonalTensor, transforming, turning } from "./rotation_fixtures.ts";

/** Runs, and returns the error; nothing may be left behind. */
async function refusal(plugin: Plugin, tiny: TinyModelOptions = {}): Promise<SalientError> {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(GROUPED, tiny);
  const before = backend.allocatedBytes();
  try {
    await quantize({
      model: workshop.model,
      backend,
      plugins: [plugin, nearest()],
      format: "awq-gemm",
      out: workshop.out,
    });
  } catch (error) {
    assert.ok(error instanceof SalientError, `not one of ours: ${error}`);
    assert.ok(!error.message.includes("\n"), "more than one line");
    assert.deepEqual(workshop.names(), ["model"]);
    assert.equal(backend.allocatedBytes(), before, "tensors were left behind");
    return error;
  }
  return assert.fail("nothing was thrown");
}

Deno.test("a matrix that is no rotation is refused, with plugin and hook", async () => {
  const square = (size: number, change: (values: Float32Array) => void) => (ops: Ops) => {
    const values = orthogonal(size, "wrong");
    change(values);
    return ops.upload(values, "F32", [size, size]);
  };
  const cases: [string, (ops: Ops) => unknown, RegExp][] = [
    ["scaled", square(32, (v) => v.forEach((x, i) => v[i] = 1.01 * x)), /by 0\.020$/],
    ["one entry", square(32, (v) => v[5]! += 0.01), /is not orthogonal/],
    ["NaN", square(32, (v) => v[5] = NaN), /by NaN$/],
    ["size", square(16, () => {}), /got F32 \[16, 16\] where F32 \[32, 32\] is wanted/],
    ["shape", (ops) => ops.zeros("F32", [1024]), /got F32 \[1024\] where/],
    ["type", (ops) => ops.zeros("BF16", [32, 32]), /got BF16 \[32, 32\] where/],
    ["array", () => new Float32Array(1024), /got no tensor where/],
    ["nothing", () => undefined, /got no tensor where/],
  ];
  for (const [name, make, text] of cases) {
    const error = await refusal(transforming(async (model, ops) => {
      const matrix = make(ops) as never;
      using _ = matrix === undefined || !(Symbol.dispose in matrix) ? null : matrix as Disposable;
      await model.rotateResidual(matrix);
    }));
    assert.match(error.message, text, name);
    assert.match(error.message, /^Plugin turn failed in transformModel: rotateResidual got/);
    assert.deepEqual([error.code, error.plugin, error.hook], ["plugin", "turn", "transformModel"]);
  }
});

Deno.test("heads are checked like the stream", async () => {
  const rotate = (size: number, block?: number): Plugin =>
    transforming(async (model, ops) => {
      using matrix = orthogonalTensor(ops, size, "heads");
      await model.rotateHeads(matrix, block);
    });
  assert.match(
    (await refusal(rotate(4))).message,
    /rotateHeads got F32 \[4, 4\] where F32 \[8, 8\]/,
  );
  assert.match((await refusal(rotate(8, 2))).message, /rotateHeads got block 2 of 2/);
  assert.match((await refusal(rotate(8, 0.5))).message, /rotateHeads got block 0.5 of 2/);
});

Deno.test("a view is good for its hook only, and its rotations are awaited", async () => {
  let kept: ModelView | undefined;
  const late: Plugin = {
    ...transforming((model) => {
      kept = model;
      return Promise.resolve();
    }),
    async transformBlock(_, ctx) {
      using matrix = orthogonalTensor(ctx.ops, 32, "late");
      await kept?.rotateResidual(matrix);
    },
  };
  const error = await refusal(late);
  assert.match(error.message, /rotateResidual was called after transformModel had ended$/);
  assert.equal(error.hook, "transformBlock");

  const hasty = transforming((model, ops) => {
    model.rotateResidual(orthogonalTensor(ops, 32, "hasty"));
    return Promise.resolve();
  });
  assert.match((await refusal(hasty)).message, /ended before its rotations: await them/);
});

Deno.test("a plugin that throws after a rotation leaves nothing behind", async () => {
  const { transformModel } = turning();
  const error = await refusal({
    name: "turn",
    apiVersion: 1,
    async transformModel(model, ctx) {
      await transformModel?.(model, ctx);
      throw new Error("changed its mind");
    },
  });
  assert.equal(error.message, "Plugin turn failed in transformModel: changed its mind");
});

Deno.test("a NaN weight is named before a rotation spreads it", async () => {
  const name = "model.layers.1.mlp.down_proj.weight";
  const error = await refusal(turning(), {
    edit(other, values) {
      if (other === name) values[7] = NaN;
    },
  });
  assert.equal(error.message.split(":")[0], `Tensor ${name} has 1 NaN or infinite value`);
});

/** A family's description with another `residual` in every block. */
function withResidual(
  describe: Family["describe"],
  change: (residual: ResidualSpec) => { readonly residual?: ResidualSpec },
): Family["describe"] {
  return (raw, has) => {
    const { block, ...rest } = describe(raw, has);
    return {
      ...rest,
      block(index) {
        const { residual, ...layout } = block(index);
        return { ...layout, ...change(residual!) };
      },
    };
  };
}

Deno.test("a family that cannot be rotated says so", async () => {
  const { describe } = llama;
  Object.assign(llama, { describe: withResidual(describe, () => ({})) });
  try {
    const error = await refusal(turning());
    assert.equal(error.code, "input");
    assert.match(
      error.message,
      /^Models of the family llama cannot be rotated: leave the rotation/,
    );
  } finally {
    Object.assign(llama, { describe });
  }
});

Deno.test("a rotated block that computes something else is found out", async () => {
  const { describe } = llama;
  // As if somebody had forgotten a linear that reads the stream.
  const forgetful = withResidual(describe, (residual) => {
    const readers = residual.readers.map(({ norm, linears }) => ({
      norm,
      linears: linears.filter((role) => role !== "up"),
    }));
    return { residual: { ...residual, readers } };
  });
  Object.assign(llama, { describe: forgetful });
  try {
    const error = await refusal(turning());
    assert.match(
      error.message,
      /^Block model.layers.0 no longer computes the same after the rotation by turn \(relative/,
    );
    assert.deepEqual([error.plugin, error.hook], ["turn", "transformModel"]);
  } finally {
    Object.assign(llama, { describe });
  }
});
