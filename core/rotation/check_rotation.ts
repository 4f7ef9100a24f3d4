/**
 * The check that a rotated model computes what the original does.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { Block, Model } from "../model/model.ts";
import { normalNumbers } from "../random.ts";
import type { RotatedEnds } from "./rotated_ends.ts";
import type { Rotation } from "./rotation.ts";

/** Largest change, relative to what is compared: fp32 of two ways to compute the same, and to spare. */
const TOLERANCE = 1e-3;
/** The same where tensors are rounded to 16 bits in between. */
const STORED_TOLERANCE = 3e-2;
/** Tokens of the made-up sequence. */
const TOKENS = 16;
/** Rows of the head that are compared. */
const HEAD_ROWS = 256;

/**
 * Runs both blocks on made-up hidden states.
 *
 * @throws {SalientError} `plugin`, naming those who rotated, if the rotated block computes something else.
 */
export async function checkRotatedBlock(
  ops: Ops,
  plain: Block,
  rotated: Block,
  rotation: Rotation,
  width: number,
): Promise<void> {
  const { residual } = rotation;
  const values = normalNumbers(`rotation check ${plain.index}`, TOKENS * width);
  using hidden = ops.upload(values, "F32", [TOKENS, width]);
  using expected = await plain.run(hidden, { sequences: 1 });
  using turned = residual === undefined
    ? await ops.cast(hidden, "F32")
    : await residual.apply(hidden);
  using output = await rotated.run(turned, { sequences: 1 });
  using found = residual === undefined
    ? await ops.cast(output, "F32")
    : await residual.undo(output);
  // Without the stream itself, which would hide what the block adds to it.
  const [before, a, b] = [values, ops.download(expected), ops.download(found)];
  const added = a.map((value, i) => value - before[i]!);
  const addedNow = b.map((value, i) => value - before[i]!);
  compare(added, addedNow, TOLERANCE, `Block ${plain.name}`, rotation);
}

/**
 * Computes some logits of made-up hidden states with both heads, and the embeddings of some tokens.
 *
 * @throws {SalientError} `plugin`, naming those who rotated, if they differ by more than storing them explains.
 */
export async function checkRotatedEnds(
  source: Model,
  ends: RotatedEnds,
  rotation: Rotation,
): Promise<void> {
  const { residual } = rotation;
  if (residual === undefined) return;
  const { config: { hiddenSize, vocabSize }, backend } = source;
  const ids = Int32Array.from({ length: TOKENS }, (_, i) => Math.floor(i * vocabSize / TOKENS));
  using plain = await source.embed(ids);
  using turned = await ends.embed(ids);
  using back = await residual.undo(turned);
  const [before, after] = [backend.download(plain), backend.download(back)];
  compare(before, after, STORED_TOLERANCE, "The embedding", rotation);

  const values = normalNumbers("rotation check head", TOKENS * hiddenSize);
  using hidden = backend.upload(values, "F32", [TOKENS, hiddenSize]);
  const count = Math.min(vocabSize, HEAD_ROWS);
  const { expected, found } = await ends.compareLogits(
    hidden,
    Math.floor((vocabSize - count) / 2),
    count,
  );
  compare(expected, found, TOLERANCE, "The head", rotation);
}

function compare(
  expected: Float32Array,
  found: Float32Array,
  tolerance: number,
  what: string,
  { plugins }: Rotation,
): void {
  let [difference, size] = [0, 0];
  for (const [i, value] of expected.entries()) {
    difference += ((found[i] ?? NaN) - value) ** 2;
    size += value ** 2;
  }
  if (Math.sqrt(difference) <= tolerance * Math.sqrt(size)) return;
  const relative = Math.sqrt(difference / size).toExponential(1);
  throw new SalientError(
    "plugin",
    `${what} no longer computes the same after the rotation by ${plugins} (relative change ${relative})`,
    { plugin: plugins, hook: "transformModel" },
  );
}
