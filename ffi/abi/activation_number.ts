/**
 * How the C interface numbers activations.
 *
 * @module
 */

import type { Activation } from "../../core/backend.ts";

const NUMBERS: Readonly<Record<Activation, number>> = {
  silu: 0,
  gelu: 1,
  gelu_tanh: 2,
  relu: 3,
  relu2: 4,
  quick_gelu: 5,
};

/** Its number in `salient.h`; -1 for none of them. */
export function activationNumber(activation: Activation): number {
  return Object.hasOwn(NUMBERS, activation) ? NUMBERS[activation] : -1;
}
