import assert from "node:assert/strict";
import { groupOwners } from "../../../core/export/group_owners.ts";
import { type GptqVersion, makeGptq } from "../../../core/export/gptq.ts";
import { floatsOf8Bits } from "../../../core/export/floats_of_8_bits.ts";
import { packQuantized } from "../../../core/export/pack_quantized.ts";
import type { ExportFormat } from "../../../core/export/types.ts";
import { uniformQuantization } from "../../../core/model/uniform_quantization.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { decodeBase64 } from "../../golden/base64.ts";
import compressed from "../../golden/compressed_words.json" with { type: "json" };
import gptqmodel from "../../golden/gptqmodel_words.json" with { type: "json" };
import { encoded, linear, type RawTensor, withCheckpoint } from "./exported_linear.ts";

const backend = createReferenceBackend();
const GROUP = 32;

interface Case {
  readonly name: string;
  readonly format: ExportFormat;
  readonly bits: number;
  readonly shape: readonly [number, number];
  readonly codes: Uint8Array<ArrayBuffer>;
  readonly zeros: Uint8Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
  /** The group of each input. */
  readonly groups: Int32Array<ArrayBuffer>;
  /** What the published packer stores. */
  readonly words: Readonly<Record<string, RawTensor>>;
}

function words(text: string, shape: readonly number[]): RawTensor {
  return ["I32", shape, new Int32Array(decodeBase64(text).buffer)];
}

/** [R, C] as [C, R]. */
function turned<T extends Float16Array<ArrayBuffer>>(values: T, columns: number): T {
  const rows = values.length / columns;
  const result = values.slice() as T;
  for (let i = 0; i < values.length; i++) {
    result[i % columns * rows + Math.floor(i / columns)] = values[i]!;
  }
  return result;
}

function gptqCases(): Case[] {
  const shape = [32, 64] as const;
  return gptqmodel.flatMap((golden) => {
    const { bits, format, qzerosVersion1 } = golden as typeof golden & { qzerosVersion1?: string };
    const scales = new Float16Array(decodeBase64(golden.scales).buffer);
    const groups = Int32Array.from(decodeBase64(golden.groups));
    const part = (name: string, qzeros: string): Case => ({
      name,
      format: makeGptq(name as GptqVersion),
      bits,
      shape,
      codes: decodeBase64(golden.codes),
      zeros: decodeBase64(golden.zeros),
      scales: Float32Array.from(scales),
      groups,
      words: {
        "l.qweight": words(golden.qweight, [2 * bits, 32]),
        "l.qzeros": words(qzeros, [2, bits]),
        "l.scales": ["F16", [2, 32], turned(scales, 2)],
        "l.g_idx": ["I32", [64], groups],
      },
    });
    const own = part(format, golden.qzeros);
    return qzerosVersion1 === undefined ? [own] : [own, part("gptq", qzerosVersion1)];
  });
}

function compressedCases(): Case[] {
  const shape = [40, 64] as const;
  return compressed.packed.map(({ bits, codes, zeros, weight_packed, weight_zero_point }) => {
    const scales = Float32Array.from({ length: 80 }, (_, i) => 1 + i / 64);
    const half = Float16Array.from(scales);
    return {
      name: "pack-quantized",
      format: packQuantized,
      bits,
      shape,
      codes: decodeBase64(codes),
      zeros: decodeBase64(zeros),
      scales,
      groups: Int32Array.from({ length: 64 }, (_, k) => Math.floor(k / GROUP)),
      words: {
        "l.weight_packed": words(weight_packed, [40, 2 * bits]),
        "l.weight_zero_point": words(weight_zero_point, [Math.ceil(40 * bits / 32), 2]),
        "l.weight_scale": ["F16", [40, 2], half],
        "l.weight_shape": ["I64", [2], BigInt64Array.of(40n, 64n)],
      },
    };
  });
}

for (const each of [...gptqCases(), ...compressedCases()]) {
  const { name, format, bits, shape: [outputs, inputs], codes, zeros, scales, groups } = each;
  const ordered = groups.some((group, k) => group !== Math.floor(k / GROUP));
  const shown = `${name}, ${bits} bits${ordered ? ", groups out of order" : ""}`;
  Deno.test(`the words of the published packer are read, and written again: ${shown}`, async () => {
    await withCheckpoint(backend, each.words, {}, async (checkpoint) => {
      const stored = uniformQuantization(name, { bits, groupSize: GROUP, symmetric: false });
      using read = await format.decode(checkpoint, linear(outputs, inputs), stored, backend);
      assert.deepEqual(backend.downloadBytes(read.zeros), zeros);
      assert.deepEqual(backend.download(read.scales), scales);
      const found = backend.downloadBytes(read.codes);
      assert.equal(read.inputOrder !== undefined, ordered);
      for (let i = 0; i < found.length; i++) {
        const column = i % inputs;
        const input = read.inputOrder?.[column] ?? column;
        assert.equal(found[i], codes[i - column + input]);
        assert.equal(groups[input], Math.floor(column / GROUP));
      }
      assert.deepEqual(groupOwners(inputs, GROUP, read.inputOrder), groups);
      const again = await encoded(format, read, backend);
      for (const [tensor, [dtype, tensorShape, data]] of Object.entries(each.words)) {
        const [foundType, foundShape, bytes] = again[tensor]!;
        assert.deepEqual([foundType, foundShape], [dtype, tensorShape], tensor);
        const expected = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        assert.deepEqual(bytes, expected, tensor);
      }
    });
  });
}

Deno.test("8-bit floating point numbers have torch's values", () => {
  const expected = new Float32Array(decodeBase64(compressed.float8).buffer);
  assert.deepEqual([...floatsOf8Bits], [...expected]);
});
