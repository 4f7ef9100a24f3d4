/**
 * How long windows are.
 *
 * @module
 */

import type { Model } from "../mod.ts";
import { printNotice } from "./output.ts";

/** The length asked for, or the usual one if the model takes it; a length beyond the model's is pointed out. */
export function windowLength(asked: number | undefined, usual: number, model: Model): number {
  const longest = model.config.maxPositions;
  if (asked !== undefined && asked > longest) {
    printNotice(
      `warning: windows of ${asked} tokens are longer than the ${longest} that the model was made for`,
    );
  }
  return asked ?? Math.min(usual, longest);
}
