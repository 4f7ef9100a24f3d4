/**
 * The activations of MLPs, in fp64.
 *
 * @module
 */

import type { Activation } from "../../core/backend.ts";
import { check } from "./checks.ts";

const FUNCTIONS: Readonly<Record<Activation, (x: number) => number>> = {
  silu,
  gelu,
  gelu_tanh: geluTanh,
  relu,
  relu2: (x) => relu(x) ** 2,
  quick_gelu: (x) => x / (1 + Math.exp(-1.702 * x)),
};

/** The function of that name. `"gelu"` is the exact one, x times the normal distribution. */
export function activationOf(name: Activation): (x: number) => number {
  check(Object.hasOwn(FUNCTIONS, name), `There is no activation ${name}`);
  return FUNCTIONS[name];
}

function relu(x: number): number {
  return x < 0 ? 0 : x; // NaN stays NaN
}

function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x * Math.SQRT1_2));
}

function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
}

/**
 * erf(x) = 2 / sqrt(pi) * exp(-x^2) * sum over n of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)). All terms have
 * one sign, so nothing cancels; beyond 6 the function is +-1 in fp64.
 */
function erf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}
