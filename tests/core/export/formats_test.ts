import assert from "node:assert/strict";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { awqGemm } from "../../../core/export/awq_gemm.ts";
import { packQuantized } from "../../../core/export/pack_quantized.ts";
import { exportFormats, findFormat, recogniseFormat } from "../../../core/export/formats.ts";
import type { StoredQuantization } from "../../../core/model/model.ts";
import { refused } from "../checkpoint/checkpoint_files.ts";
import { exported, grid, linear } from "./exported_linear.ts";

const GOOD = { quant_method: "awq", bits: 4, group_size: 128, version: "gemm", zero_point: true };

function plainly(stored: StoredQuantization | undefined) {
  return { format: stored?.format, bits: stored?.bits, groupSize: stored?.groupSize };
}

Deno.test("findFormat() finds every format by its own name", () => {
  for (const [name, format] of exportFormats) {
    assert.equal(format.name, name);
    assert.equal(findFormat(name), format);
  }
});

Deno.test("findFormat() says what there is", async () => {
  assert.equal(findFormat("compressed-tensors"), packQuantized);
  await refused(() => findFormat("awq"), /no format awq: did you mean awq-gemm\?$/, "usage");
  await refused(() => findFormat("AWQ_GEMM"), /did you mean awq-gemm\?$/, "usage");
  await refused(() => findFormat("onnx"), /no format onnx: use awq-gemm, awq-gemv, gptq/, "usage");
  await refused(() => findFormat(""), /no format "": use awq-gemm, awq-gemv, gptq/, "usage");
});

Deno.test("awqGemm.config() is what engines read", () => {
  assert.deepEqual(awqGemm.config(exported(grid({ groupSize: 128 }), [8, 128], [8, 256]), []), {
    quant_method: "awq",
    zero_point: true,
    group_size: 128,
    bits: 4,
    version: "gemm",
    modules_to_not_convert: null,
  });
  const linears = exported(grid({ bits: 3, groupSize: -1 }), [8, 32], [8, 64]);
  const few = awqGemm.config(linears, ["model.layers.1.mlp.down_proj"]);
  assert.equal(few["bits"], 4);
  assert.equal(few["group_size"], -1);
  assert.deepEqual(few["modules_to_not_convert"], ["model.layers.1.mlp.down_proj"]);
  assert.deepEqual(few["salient"], { bits: 3 });
});

Deno.test("recogniseFormat() reads back what awqGemm.config() says", () => {
  for (const bits of [2, 3, 4]) {
    for (const groupSize of [32, -1]) {
      const linears = exported(grid({ bits, groupSize }), [8, 32], [8, 64]);
      const found = recogniseFormat({ quantization_config: awqGemm.config(linears, ["x"]) });
      assert.equal(found?.format, awqGemm);
      assert.deepEqual(plainly(found.stored), { format: "awq-gemm", bits, groupSize });
      const whole = { bits, groupSize: groupSize === -1 ? 64 : groupSize, symmetric: false };
      assert.deepEqual(found.stored.of(linear(8, 64)), whole);
    }
  }
});

Deno.test("recogniseFormat() finds nothing where nothing is quantized", () => {
  assert.equal(recogniseFormat({}), undefined);
  assert.equal(recogniseFormat({ quantization_config: null }), undefined);
});

Deno.test("recogniseFormat() reads the names that older and newer tools use", () => {
  const stored = { format: "awq-gemm", bits: 4, groupSize: 64 };
  for (
    const config of [
      { quant_method: "awq", w_bit: 4, q_group_size: 64, version: "GEMM" },
      { quant_method: "awq", bits: 4, group_size: 64, format: "gemm", sym: false },
      { quant_method: "awq", bits: 4, group_size: 64 },
    ]
  ) assert.deepEqual(plainly(recogniseFormat({ quantization_config: config })?.stored), stored);
});

Deno.test("recogniseFormat() refuses other layouts of AWQ", async () => {
  for (const version of ["gemv_fast", "GEMV_FAST", "marlin", 1]) {
    await refused(
      () => recogniseFormat({ quantization_config: { ...GOOD, version } }),
      /version is .*, and of AWQ's layouts gemm and gemv are read/,
    );
  }
  const format = { ...GOOD, version: undefined, format: "marlin" };
  await refused(() => recogniseFormat({ quantization_config: format }), /format is "marlin"/);
});

Deno.test("recogniseFormat() refuses a quantization_config that is broken", async () => {
  const cases: [JsonObject, RegExp][] = [
    [{ bits: 8 }, /bits is 8, and AWQ's gemm layout has 4/],
    [{ bits: "4" }, /bits is "4"/],
    [{ bits: undefined }, /bits is missing/],
    [{ group_size: 0 }, /group_size is 0: it must be a positive whole number or -1/],
    [{ group_size: -2 }, /group_size is -2/],
    [{ group_size: 1.5 }, /group_size is 1\.5/],
    [{ group_size: "128" }, /group_size is "128"/],
    [{ group_size: undefined }, /group_size is missing/],
    [{ zero_point: 1 }, /zero_point is 1: it must be true or false/],
    [{ salient: { bits: 5 } }, /salient\.bits is 5: it must be 2, 3 or 4/],
    [{ salient: 3 }, /salient\.bits is missing/],
  ];
  for (const [change, text] of cases) {
    const config = { quantization_config: { ...GOOD, ...change } };
    await refused(() => recogniseFormat(config), text);
  }
});

Deno.test("recogniseFormat() refuses what is no configuration", async () => {
  for (const value of [1, "awq", []]) {
    await refused(() => recogniseFormat({ quantization_config: value }), /is not an object/);
  }
});
