import assert from "node:assert/strict";
import { floatsOf8Bits } from "../../../core/export/floats_of_8_bits.ts";
import { withScaledFloats } from "../../../core/export/scaled_floats.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { inspectModel } from "../../../core/inspect/inspect_model.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import { openCheckpoint } from "../../../core/checkpoint/open_checkpoint.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";
import { type RawTensor, withCheckpoint } from "./exported_linear.ts";

const backend = createReferenceBackend();
const [ROWS, COLUMNS] = [130, 200];
const BYTES = Uint8Array.from({ length: ROWS * COLUMNS }, (_, i) => {
  const byte = (i * 37 + (i >> 8)) % 256;
  return byte % 128 === 127 ? 0 : byte; // no NaN
});
const WEIGHT: RawTensor = ["F8_E4M3", [ROWS, COLUMNS], BYTES];

/** Scales that are exact in every type. */
function scales(count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => (i + 1) / 8);
}

const CASES: readonly {
  readonly what: string;
  readonly name: string;
  readonly shape: readonly number[];
  readonly index: (n: number, k: number) => number;
  readonly config?: object;
}[] = [
  { what: "one scale", name: "weight_scale", shape: [1], index: () => 0 },
  { what: "one scale without an axis", name: "weight_scale", shape: [], index: () => 0 },
  { what: "a scale a row", name: "weight_scale", shape: [ROWS, 1], index: (n) => n },
  { what: "a scale a row, without columns", name: "weight_scale", shape: [ROWS], index: (n) => n },
  {
    what: "groups of 50 inputs",
    name: "weight_scale",
    shape: [ROWS, 4],
    index: (n, k) => n * 4 + Math.floor(k / 50),
  },
  {
    what: "blocks of 128 by 128",
    name: "weight_scale_inv",
    shape: [2, 2],
    index: (n, k) => Math.floor(n / 128) * 2 + Math.floor(k / 128),
  },
  {
    what: "blocks of a size that is said",
    name: "weight_scale_inv",
    shape: [3, 4],
    index: (n, k) => Math.floor(n / 48) * 4 + Math.floor(k / 64),
    config: { quantization_config: { quant_method: "fp8", weight_block_size: [48, 64] } },
  },
];

for (const { what, name, shape, index, config } of CASES) {
  Deno.test(`F8_E4M3 weights are multiplied out: ${what}`, async () => {
    const values = scales(shape.reduce((product, length) => product * length, 1));
    const tensors = {
      "l.weight": WEIGHT,
      [`l.${name}`]: ["F32", shape, values],
      "l.input_scale": ["F32", [1], Float32Array.of(2)],
      "l.bias": ["F32", [ROWS], new Float32Array(ROWS)],
    } as const satisfies Record<string, RawTensor>;
    await withCheckpoint(backend, tensors, { ...config } as never, async (checkpoint) => {
      const plain = withScaledFloats(checkpoint, backend);
      assert.deepEqual([...plain.entries.keys()].sort(), ["l.bias", "l.weight"]);
      const { dtype, blocks } = plain.entries.get("l.weight")!;
      assert.deepEqual([dtype, blocks], ["F32", "F8_E4M3"]);
      using weight = plain.tensor("l.weight");
      const found = backend.download(weight);
      assert.deepEqual(weight.shape, [ROWS, COLUMNS]);
      for (let n = 0; n < ROWS; n++) {
        for (let k = 0; k < COLUMNS; k++) {
          const expected = floatsOf8Bits[BYTES[n * COLUMNS + k]!]! * values[index(n, k)]!;
          assert.equal(found[n * COLUMNS + k], Math.fround(expected), `row ${n}, input ${k}`);
        }
      }
      await Promise.resolve();
    });
  });
}

Deno.test("scales that do not fit, or are not finite, are refused", async () => {
  const cases: [RawTensor, RegExp][] = [
    [
      ["F32", [3, 1], scales(3)],
      /l\.weight_scale .* has the shape \[3, 1\], which does not fit a weight \[130, 200\]/,
    ],
    [["F32", [2, 7], scales(14)], /has the shape \[2, 7\]/],
    [["F32", [1, 1, 1], scales(1)], /has the shape \[1, 1, 1\]/],
  ];
  for (const [scale, text] of cases) {
    await withCheckpoint(
      backend,
      { "l.weight": WEIGHT, "l.weight_scale": scale },
      {},
      async (checkpoint) => {
        await refused(() => withScaledFloats(checkpoint, backend), text);
      },
    );
  }
  const infinite: RawTensor = ["F32", [1], Float32Array.of(Infinity)];
  const bytes: RawTensor = ["I8", [1], new Uint8Array(1)];
  for (
    const [scale, text] of [[infinite, /scales that are not finite/], [
      bytes,
      /is I8 \[1\] where/,
    ]] as const
  ) {
    await withCheckpoint(
      backend,
      { "l.weight": WEIGHT, "l.weight_scale": scale },
      {},
      async (checkpoint) => {
        const plain = withScaledFloats(checkpoint, backend);
        await refused(() => plain.tensor("l.weight"), text);
      },
    );
  }
});

Deno.test("a checkpoint without such weights is what it was", async () => {
  await withCheckpoint(backend, { "l.weight": WEIGHT }, {}, async (checkpoint) => {
    assert.equal(withScaledFloats(checkpoint, backend), checkpoint);
    await Promise.resolve();
  });
});

Deno.test("a model in FP8 is opened as a plain one", async () => {
  await using folder = await temporaryDirectory();
  await writeTinyModel(folder.path, TINY_LLAMA, { dtype: "F32" });
  using read = await openCheckpoint(folder.path, backend);
  const out = `${folder.path}/fp8`;
  {
    await using writer = await createCheckpointWriter(out);
    for (const { name, dtype, shape } of read.entries.values()) {
      using tensor = read.tensor(name);
      const rounded = name.endsWith("_proj.weight");
      const bytes = rounded
        ? Uint8Array.from({ length: tensor.size }, (_, i) => i % 100)
        : backend.downloadBytes(tensor);
      await writer.add(name, rounded ? "F8_E4M3" : dtype, shape, bytes);
      if (!rounded) continue;
      const scale = new Uint8Array(Float32Array.of(0.5).buffer);
      await writer.add(`${name}_scale`, "F32", [1], scale);
    }
    const weights = { num_bits: 8, type: "float", strategy: "tensor" };
    await writer.json("config.json", {
      ...read.config,
      quantization_config: {
        quant_method: "compressed-tensors",
        format: "float-quantized",
        config_groups: { group_0: { targets: ["Linear"], weights } },
        ignore: ["lm_head"],
      },
    });
    await writer.commit();
  }
  using model = await openModel(out, backend);
  assert.equal(model.quantization, undefined);
  const { format, linears } = inspectModel(model);
  assert.deepEqual([format, linears[0]?.stored, linears[0]?.bits], ["safetensors", "F8_E4M3", 8]);
  using block = await model.loadBlock(0);
  using hidden = await model.embed(Int32Array.of(1, 2, 3));
  using output = await block.run(hidden, { sequences: 1 });
  assert.ok(backend.download(output).every(Number.isFinite));
});
