import assert from "node:assert/strict";
import type { ActivationFormat } from "../../../core/backend.ts";
import { generate } from "../../../core/eval/generate.ts";
import { perplexity } from "../../../core/eval/perplexity.ts";
import { recogniseFormat } from "../../../core/export/formats.ts";
import { intQuantized } from "../../../core/export/int_quantized.ts";
import { openModel } from "../../../core/model/open_model.ts";
import type { Model, StoredQuantization } from "../../../core/model/model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { smoothquant } from "../../../plugins/smoothquant/mod.ts";
import golden from "../../golden/tiny_logits.json" with { type: "json" };
import { testBackends } from "../../test_backends.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";
import {
  assertSameWeight,
  exported,
  grid,
  linear,
  randomWeight,
  type RawTensor,
  weightOf,
  withCheckpoint,
} from "./exported_linear.ts";

const backend = createReferenceBackend();
const DYNAMIC: ActivationFormat = { bits: 8, granularity: "token", dynamic: true };
const FIXED: ActivationFormat = { bits: 8, granularity: "tensor", dynamic: false, scale: 0.25 };
const MODEL = "models/salient-tiny";

/** What is stored of one linear, as bytes by name. */
async function encoded(
  weight: Parameters<typeof intQuantized.encode>[0],
  activation?: ActivationFormat,
): Promise<Record<string, RawTensor>> {
  const tensors: Record<string, RawTensor> = {};
  for (const { suffix, dtype, tensor } of await intQuantized.encode(weight, backend, activation)) {
    tensors[`l${suffix}`] = [dtype, tensor.shape, backend.downloadBytes(tensor)];
    tensor[Symbol.dispose]();
  }
  return tensors;
}

/** What the format reads of a configuration that it wrote. */
function said(
  change: Parameters<typeof grid>[0],
  activation?: ActivationFormat,
  shape: readonly [number, number] = [16, 32],
): StoredQuantization {
  const linears = exported(grid({ symmetric: true, ...change }), shape);
  const all = new Map([...linears].map(([name, each]) => {
    return [name, activation === undefined ? each : { ...each, activation }];
  }));
  const config = { quantization_config: intQuantized.config(all, []) };
  const recognised = recogniseFormat(config);
  assert.equal(recognised?.format.name, "int-quantized");
  return recognised.stored;
}

Deno.test("intQuantized stores signed bytes, one scale for each row, and a fixed scale of the inputs", async () => {
  const w8 = grid({ bits: 8, groupSize: 4, symmetric: true, scaleDtype: "BF16" });
  const codes = [1, 127, 128, 255, 0, 128, 129, 200];
  using weight = weightOf(backend, w8, [2, 4], codes, [0.5, 2], [128, 128]);
  const tensors = await encoded(weight, FIXED);
  const [dtype, shape, bytes] = tensors["l.weight"]!;
  assert.deepEqual([dtype, shape], ["I8", [2, 4]]);
  assert.deepEqual([...new Int8Array(bytes.buffer)], [-127, -1, 0, 127, -128, 0, 1, 72]);
  assert.deepEqual(tensors["l.weight_scale"]!.slice(0, 2), ["BF16", [2, 1]]);
  assert.deepEqual(
    [...new Uint16Array(tensors["l.weight_scale"]![2].buffer.slice(0))],
    [0x3f00, 0x4000],
  );
  assert.deepEqual(tensors["l.input_scale"]!.slice(0, 2), ["F32", [1]]);
  assert.equal((await encoded(weight, DYNAMIC))["l.input_scale"], undefined);
});

Deno.test("intQuantized.config() is what llm-compressor writes for W8A8", () => {
  const w8 = grid({ bits: 8, groupSize: -1, symmetric: true });
  const linears = new Map([...exported(w8, [16, 32], [8, 64])].map(([name, each]) => {
    return [name, { ...each, activation: DYNAMIC }];
  }));
  const config = intQuantized.config(linears, ["l9"]);
  assert.equal(config["format"], "int-quantized");
  assert.deepEqual(config["ignore"], ["lm_head", "l9"]);
  const { group_0: group, ...others } = config["config_groups"] as Record<string, {
    targets: string[];
    weights: object;
    input_activations: object;
  }>;
  assert.deepEqual(others, {});
  assert.deepEqual(group?.targets, ["Linear"]);
  const pick = (all: object, ...keys: string[]) =>
    keys.map((key) => (all as Record<string, unknown>)[key]);
  const keys = ["num_bits", "type", "symmetric", "strategy", "dynamic"];
  assert.deepEqual(pick(group!.weights, ...keys), [8, "int", true, "channel", false]);
  assert.deepEqual(pick(group!.input_activations, ...keys), [8, "int", true, "token", true]);
});

Deno.test("intQuantized puts linears with fixed scales of their own into one group", () => {
  const w8 = grid({ bits: 8, groupSize: -1, symmetric: true });
  const linears = new Map([...exported(w8, [16, 32], [8, 64])].map(([name, each], i) => {
    return [name, { ...each, activation: { ...FIXED, scale: i + 1 } }];
  }));
  const groups = intQuantized.config(linears, [])["config_groups"];
  assert.equal(Object.keys(groups as object).length, 1);
});

Deno.test("intQuantized reads back what it wrote, of any bits and groups", async () => {
  for (const [bits, groupSize] of [[8, 32], [8, 8], [4, 16], [3, 32]] as const) {
    const symmetric = grid({ bits, groupSize, symmetric: true });
    using random = randomWeight(backend, symmetric, [16, 32]);
    using weight = weightOf(
      backend,
      symmetric,
      [16, 32],
      backend.downloadBytes(random.codes),
      backend.download(random.scales),
      new Array(16 * 32 / groupSize).fill(2 ** (bits - 1)),
    );
    for (const activation of [undefined, DYNAMIC, FIXED]) {
      const stored = said({ bits, groupSize }, activation);
      await withCheckpoint(backend, await encoded(weight, activation), {}, async (checkpoint) => {
        const info = { ...linear(16, 32), name: "l" };
        using read = await intQuantized.decode(checkpoint, info, stored, backend);
        assertSameWeight(read, weight, backend);
        assert.deepEqual(
          await intQuantized.decodeActivation?.(checkpoint, info, stored, backend),
          activation,
        );
      });
    }
  }
});

Deno.test("intQuantized refuses asymmetric grids, and tensors that lie about themselves", async () => {
  assert.throws(() => intQuantized.check(linear(8, 8), grid({ bits: 8 })), /symmetric grids only/);
  const w4 = grid({ bits: 4, groupSize: 8, symmetric: true });
  using random = randomWeight(backend, w4, [16, 32]);
  await assert.rejects(intQuantized.encode(random, backend), /needs the zero point 8 everywhere/);
  const middle = new Array(64).fill(8);
  using weight = weightOf(
    backend,
    w4,
    [16, 32],
    backend.downloadBytes(random.codes),
    backend.download(random.scales),
    middle,
  );
  const good = await encoded(weight, FIXED);
  const stored = said({ bits: 4, groupSize: 8 }, FIXED);
  const bad: [string, RawTensor | undefined, RegExp][] = [
    ["l.weight", ["I8", [32, 16], new Int8Array(512)], /is I8 \[32, 16\] where/],
    ["l.weight", ["I8", [16, 32], new Int8Array(512).fill(8)], /integers of more than 4 bits/],
    ["l.weight_scale", undefined, /^Tensor l\.weight_scale is missing/],
    ["l.weight_scale", ["F16", [16, 4], new Float16Array(64).fill(NaN)], /not finite/],
    ["l.input_scale", undefined, /^Tensor l\.input_scale is missing/],
    ["l.input_scale", ["F32", [2], new Float32Array(2)], /is F32 \[2\] where/],
    ["l.input_scale", ["F32", [1], Float32Array.of(-1)], /must be above 0/],
  ];
  for (const [name, tensor, text] of bad) {
    const tensors = { ...good };
    if (tensor === undefined) delete tensors[name];
    else tensors[name] = tensor;
    await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
      const error = await refused(async () => {
        using _read = await intQuantized.decode(checkpoint, linear(16, 32), stored, backend);
        await intQuantized.decodeActivation?.(checkpoint, linear(16, 32), stored, backend);
      }, text);
      assert.equal(error.tensor, name);
    });
  }
});

const ids = Int32Array.from(golden.salientTiny.ids.split(" ").map(Number));
const { seqLen } = golden.salientTiny;
const calibration = {
  ids: ids.subarray(0, 2 * 64),
  samples: 2,
  seqLen: 64,
  tokens: 128,
  source: "golden",
  documents: 1,
};

for (const activations of ["dynamic", "static"] as const) {
  Deno.test(`a model in int-quantized, ${activations} activations, measures and writes what it did in memory`, async () => {
    await using folder = await temporaryDirectory();
    using fastest = await testBackends().at(-1)!.create();
    using model = await openModel(MODEL, fastest);
    const run = {
      model,
      backend: fastest,
      calibration,
      plugins: [smoothquant({ activations, scaleDtype: "BF16" })],
    };
    const { model: kept, report } = await quantizeInMemory(run);
    using _kept = kept;
    for (const { name, activation, activationError, error } of report.layers) {
      assert.equal(activation?.dynamic, activations === "dynamic", name);
      assert.ok(activationError !== null && activationError > error, name);
      assert.ok(activationError < 0.05, `${name}: ${activationError}`);
    }
    const expected = await perplexity(kept, ids, { seqLen });
    await quantize({ ...run, format: "int-quantized", out: `${folder.path}/out` });
    using written = await openModel(`${folder.path}/out`, fastest);
    assert.equal(written.quantization?.format, "int-quantized");
    assert.equal(written.quantization.bits, 8);
    using block = await written.loadBlock(0);
    assert.equal(block.linears.get("q")?.activation?.dynamic, activations === "dynamic");
    const { perplexity: found } = await perplexity(written, ids, { seqLen });
    assert.equal(found, expected.perplexity);
    // The activations are really rounded: without that it measures something else.
    using plain = (await quantizeInMemory({
      ...run,
      plugins: [smoothquant({ activations: "none", scaleDtype: "BF16" })],
    })).model;
    assert.notEqual((await perplexity(plain, ids, { seqLen })).perplexity, found);
    const tokenizer = await loadTokenizer(MODEL);
    const write = async (model: Model): Promise<string> =>
      (await generate(model, tokenizer, "The people", { maxTokens: 8 })).text;
    assert.equal(await write(written), await write(kept));
  });
}

Deno.test("a format that cannot say how activations are quantized refuses them by name", async () => {
  await using folder = await temporaryDirectory();
  using fastest = await testBackends().at(-1)!.create();
  const run = {
    model: MODEL,
    backend: fastest,
    calibration,
    plugins: [smoothquant()],
    format: "pack-quantized",
    out: `${folder.path}/out`,
  };
  await assert.rejects(quantize(run), {
    code: "input",
    message: /smoothquant wants quantized activations .* pack-quantized does not store/,
  });
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});
