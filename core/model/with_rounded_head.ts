/**
 * A model whose head is rounded while it runs.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { resolveGrid } from "../grid_helpers.ts";
import type { Model } from "./model.ts";
import { withBlocks } from "./with_blocks.ts";

/** Inputs that share a scale, the first that divides the head's. */
const GROUPS = [128, 64, 32, 16];

/**
 * The same model with its head rounded to nearest in memory; the checkpoint stays as it is. Quantized
 * checkpoints keep the head in 16 bits, and of a small model it is then half of what a token reads.
 *
 * @param model The open model; must outlive the result.
 * @param bits Bits of an integer of the head, 2 to 8. 8 moved perplexity by 0.02 % at most on the two models
 * it was measured on, 4 by 3 and 18 %: measure fewer with `perplexity`.
 * @returns A model for `perplexity`, `generate` and the like. Disposing it frees the rounded head.
 * @throws {SalientError} `usage` if the bits are out of range.
 *
 * @example
 * ```ts
 * import { createReferenceBackend, generate, loadTokenizer, openModel, withRoundedHead } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * using model = await openModel("models/salient-tiny", backend);
 * using rounded = await withRoundedHead(model, 8);
 * const tokenizer = await loadTokenizer("models/salient-tiny");
 * const result = await generate(rounded, tokenizer, "The people of", { maxTokens: 4 });
 * assert.equal(result.tokens, 4);
 * ```
 */
export async function withRoundedHead(model: Model, bits: number): Promise<Model> {
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw new SalientError(
      "usage",
      `Bits of the head must be a whole number from 2 to 8 but is ${bits}`,
    );
  }
  const { backend } = model;
  const head = await model.headWeight();
  const inputs = head.shape[1] ?? 0;
  const groupSize = GROUPS.find((size) => inputs % size === 0) ?? -1;
  const grid = resolveGrid({ bits, groupSize }, {
    name: model.architecture.ends.head,
    shape: head.shape,
  });
  using quantized = await backend.quantize(head, grid);
  const packed = await backend.pack(quantized);
  return {
    ...withBlocks(model, (index) => model.loadBlock(index)),
    logits: (hidden, other) => model.logits(hidden, other ?? packed),
    [Symbol.dispose]: () => packed[Symbol.dispose](),
  };
}
