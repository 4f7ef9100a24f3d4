import assert from "node:assert/strict";
import { awqGemm } from "../../../core/export/awq_gemm.ts";
import { digestQuantized, verifyLinear } from "../../../core/export/verify.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { refused } from "../checkpoint/checkpoint_files.ts";
import {
  grid,
  linear,
  randomWeight,
  type RawTensor,
  storedAs,
  withCheckpoint,
} from "./exported_linear.ts";

const SHAPE = [16, 32] as const;

/** Writes a random weight, changed by `damage`, and verifies it against what was meant. */
async function verified(
  damage: (tensors: Record<string, RawTensor>) => void,
  change: Partial<{ bits: number; groupSize: number }> = {},
): Promise<void> {
  using backend = createReferenceBackend();
  using weight = randomWeight(backend, grid({ bits: 3 }), SHAPE);
  const expected = digestQuantized(weight, backend);
  const tensors: Record<string, RawTensor> = {};
  for (const { suffix, dtype, tensor } of await awqGemm.encode(weight, backend)) {
    tensors[`l${suffix}`] = [dtype, tensor.shape, backend.downloadBytes(tensor)];
    tensor[Symbol.dispose]();
  }
  damage(tensors);
  await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
    const { bits = 3, groupSize = 8 } = change;
    const info = linear(...SHAPE);
    await verifyLinear({
      checkpoint,
      linear: info,
      format: awqGemm,
      stored: storedAs(bits, groupSize),
      expected,
      ops: backend,
    });
  });
}

/** Flips one bit in the last byte of a tensor but `back`. */
function flip(name: string, back = 1, bit = 1): (tensors: Record<string, RawTensor>) => void {
  return (tensors) => {
    const bytes = new Uint8Array(tensors[name]![2].buffer);
    bytes[bytes.length - back]! ^= bit;
  };
}

Deno.test("verifyLinear() accepts what was meant", async () => {
  await verified(() => {});
});

Deno.test("verifyLinear() sees a single bit that differs", async () => {
  const cases = [["l.qweight", /codes differ/], ["l.qzeros", /zeros differ/]] as const;
  for (const [name, text] of cases) {
    const error = await refused(() => verified(flip(name)), text, "failed");
    assert.equal(error.tensor, "l");
  }
  // The low byte of an fp16.
  const scales = () => verified(flip("l.scales", 2));
  await refused(scales, /^Linear l in .* its scales differ; do not use/, "failed");
});

Deno.test("verifyLinear() sees another grid", async () => {
  await refused(() => verified(() => {}, { bits: 4 }), /its bits differ/, "failed");
});

Deno.test("verifyLinear() fails where the linear cannot be read back", async () => {
  const missing = (tensors: Record<string, RawTensor>): void => void delete tensors["l.qzeros"];
  await refused(() => verified(missing), /cannot be read back \(Tensor l\.qzeros is/, "failed");
  await refused(() => verified(() => {}, { groupSize: 16 }), /cannot be read back/, "failed");
  const bits = flip("l.qweight", 1, 0x80);
  await refused(() => verified(bits), /cannot be read back \(.*more than the 3 bits/, "failed");
});
