/**
 * The parity suite: every operation of a backend against the reference, on seeded random data.
 *
 * @module
 */

import type { Backend } from "../../core/backend.ts";
import { createReferenceBackend } from "../../ffi/reference/reference_backend.ts";
import assert from "node:assert/strict";
import { activationCases } from "./suite/activation_cases.ts";
import { castCases } from "./suite/cast_cases.ts";
import { choiceCases } from "./suite/choice_cases.ts";
import { compensationCases } from "./suite/compensation_cases.ts";
import { fileCases } from "./suite/file_cases.ts";
import { linearCases } from "./suite/linear_cases.ts";
import { modelCases } from "./suite/model_cases.ts";
import { packCases } from "./suite/pack_cases.ts";
import { Pair } from "./suite/pair.ts";
import { quantizeCases } from "./suite/quantize_cases.ts";
import { refusalCases } from "./suite/refusal_cases.ts";
import { rowCases } from "./suite/row_cases.ts";
import { searchCases } from "./suite/search_cases.ts";
import { statisticsCases } from "./suite/statistics_cases.ts";
import { tensorCases } from "./suite/tensor_cases.ts";

/** Registers one case; its body is given the backend under test and the reference. */
export type RegisterCase = (label: string, body: (pair: Pair) => void | Promise<void>) => void;

/** What a backend does in another way than the CPU library. */
export interface SuiteOptions {
  /**
   * Packed weights are multiplied with inputs of 16 bits: results differ by up to this part of the sum of
   * their terms' sizes. Default: they are those of the reference.
   */
  packedTolerance?: number;
  /** Part by which products with fp32 scales may differ because packed weights round those. Default: 1e-6. */
  scaleTolerance?: number;
}

/**
 * Registers the suite's cases with `Deno.test`. Each makes a backend, disposes everything it made with it,
 * and checks that no tensor is left before it disposes the backend.
 *
 * @param name Starts the cases' names, for example `"cpu avx2"`.
 * @param make Makes the backend under test; called once for each case.
 * @param options What it does in another way.
 */
export function runBackendSuite(
  name: string,
  make: () => Backend,
  options: SuiteOptions = {},
): void {
  const register: RegisterCase = (label, body) => {
    Deno.test(`${name}: ${label}`, async () => {
      using tested = make();
      using oracle = createReferenceBackend();
      {
        using pair = new Pair(tested, oracle, label);
        await body(pair);
      }
      assert.equal(tested.allocatedBytes(), 0, "bytes left after every tensor was disposed");
    });
  };
  tensorCases(register);
  castCases(register);
  fileCases(register);
  linearCases(register, options.packedTolerance);
  activationCases(register, options.scaleTolerance);
  modelCases(register);
  rowCases(register);
  choiceCases(register);
  statisticsCases(register);
  quantizeCases(register);
  searchCases(register);
  compensationCases(register);
  packCases(register);
  refusalCases(register);
}
