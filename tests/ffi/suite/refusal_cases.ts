/**
 * What an operation must refuse instead of reading or writing where it must not.
 *
 * @module
 */

import type { Ops } from "../../../core/backend.ts";
import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";

const GRID = { bits: 4, groupSize: 4, symmetric: false, scaleDtype: "F16", range: "zero" } as const;

/** Registers the cases. */
export function refusalCases(register: RegisterCase): void {
  register("shapes and types that do not fit are refused", async ({ tested }) => {
    using a = tested.zeros("F32", [4, 8]);
    using b = tested.zeros("F32", [4, 6]);
    using c = tested.zeros("F32", [8]);
    using ids = tested.zeros("I32", [4, 8]);
    using square = tested.zeros("F32", [8, 8]);
    const rope = { heads: 2, headDim: 4, sequences: 1, start: 0 };
    const attention = {
      heads: 2,
      kvHeads: 2,
      headDim: 4,
      sequences: 1,
      scale: 1,
      window: 0,
      queryStart: 0,
    };
    const calls: Record<string, (ops: Ops) => unknown> = {
      "upload of too few bytes": (ops) => ops.upload(new Float32Array(3), "F32", [4]),
      "negative shape": (ops) => ops.zeros("F32", [-1, 4]),
      "fractional shape": (ops) => ops.zeros("F32", [1.5]),
      "rows beyond the end": (ops) => ops.rows(a, 3, 2),
      "reshape to another size": (ops) => ops.reshape(a, [4, 9]),
      "copyRows of another width": (ops) => ops.copyRows(a, b, 0),
      "copyRows beyond the end": (ops) => ops.copyRows(a, a, 1),
      "linear of other inputs": (ops) => ops.linear(a, b),
      "linear of whole numbers": (ops) => ops.linear(ids, a),
      "bias of another length": (ops) => ops.linear(a, square, { bias: b }),
      "embed beyond the table": (ops) => ops.embed(a, Int32Array.of(4)),
      "embed of a negative id": (ops) => ops.embed(a, Int32Array.of(-1)),
      "rmsNorm of another width": (ops) => ops.rmsNorm(b, c, 1e-5, 0),
      "layerNorm by another width": (ops) => ops.layerNorm(b, c, undefined, 1e-5),
      "layerNorm with another bias": (ops) => ops.layerNorm(a, c, a, 1e-5),
      "layerNorm with a negative eps": (ops) => ops.layerNorm(a, c, c, -1),
      "rope beyond the table": (ops) => ops.rope(a, b, { ...rope, start: 1 }),
      "rope of other heads": (ops) => ops.rope(a, square, { ...rope, heads: 3 }),
      "attention of other heads": (ops) => ops.attention(a, a, a, { ...attention, heads: 3 }),
      "attention beyond the keys": (ops) => ops.attention(a, a, a, { ...attention, queryStart: 1 }),
      "gatedActivation of other shapes": (ops) => ops.gatedActivation(a, b, "silu"),
      "attention with too few slopes": (ops) =>
        ops.attention(a, a, a, { ...attention, slopes: Float32Array.of(1) }),
      "attention with a negative softcap": (ops) =>
        ops.attention(a, a, a, { ...attention, softcap: -1 }),
      "an unknown activation": (ops) => ops.activate(a, "toString" as "silu"),
      "activate of whole numbers": (ops) => ops.activate(ids, "relu"),
      "softcap of 0": (ops) => ops.softcap(a, 0),
      "selectColumns beyond the columns": (ops) => ops.selectColumns(a, Int32Array.of(0, 8)),
      "selectColumns below -1": (ops) => ops.selectColumns(a, Int32Array.of(-2)),
      "selectColumns of a vector": (ops) => ops.selectColumns(c, Int32Array.of(0)),
      "addRows beyond the target": (ops) =>
        ops.addRows(a, a, Int32Array.of(0, 1, 2, 4), new Float32Array(4)),
      "addRows of too few rows": (ops) => ops.addRows(a, a, Int32Array.of(0), new Float32Array(4)),
      "addRows by too few weights": (ops) =>
        ops.addRows(a, a, new Int32Array(4), Float32Array.of(1)),
      "addRows of another width": (ops) =>
        ops.addRows(a, b, new Int32Array(4), new Float32Array(4)),
      "addInPlace of other shapes": (ops) => ops.addInPlace(a, b),
      "targets beyond the logits": (ops) => ops.negativeLogLikelihood(a, Int32Array.of(0, 1, 8, 2)),
      "too few targets": (ops) => ops.negativeLogLikelihood(a, Int32Array.of(0)),
      "accumulateGram of another width": (ops) => ops.accumulateGram(b, square),
      "accumulateAbs into fp32": (ops) => ops.accumulateAbs(a, c, c),
      "scaleColumns by too few": (ops) => ops.scaleColumns(a, new Float32Array(4)),
      "scaleRows by too many": (ops) => ops.scaleRows(a, new Float32Array(8)),
      "group size that does not divide": (ops) => ops.quantize(b, GRID),
      "bits out of range": (ops) => ops.quantize(a, { ...GRID, bits: 9 }),
      "bounds of another shape": (ops) => ops.quantize(a, GRID, { bounds: c }),
      "searchRanges without a sweep": (ops) =>
        ops.searchRanges(a, { kind: "tokens", sample: a, weight: 1 }, GRID, {
          steps: 10,
          maxShrink: 0.5,
          sweeps: 0,
        }),
      "too few scales": (ops) => ops.fakeQuantize(a, GRID, new Float32Array(4)),
      "Gram of another size": (ops) => ops.outputEnergy(b, { kind: "gram", gram: square }),
      "packInt4 of four channels": (ops) => ops.packInt4(a, { along: "out", order: [0, 1, 2, 3] }),
    };
    for (const [label, call] of Object.entries(calls)) {
      await assert.rejects(async () => await call(tested), { name: "SalientError" }, label);
    }
  });
}
