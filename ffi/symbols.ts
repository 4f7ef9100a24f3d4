/**
 * The C interface of the native libraries (`ffi/native/salient.h`). This file and its folder are the
 * only ones that know C.
 *
 * @module
 */

import { COMPENSATION_SYMBOLS } from "./symbols/compensation.ts";
import { LAYER_SYMBOLS } from "./symbols/layers.ts";
import { OBJECT_SYMBOLS } from "./symbols/objects.ts";
import { QUANTIZATION_SYMBOLS } from "./symbols/quantization.ts";
import { STEP_SYMBOLS } from "./symbols/steps.ts";

/** Version of this interface; a library that answers with another is refused. */
export const ABI_VERSION = 3;

type Long =
  & typeof LAYER_SYMBOLS
  & typeof QUANTIZATION_SYMBOLS
  & typeof COMPENSATION_SYMBOLS;

/** Names of the functions that may take long. */
export type LongName = keyof Long;

/** The twin of a function, which runs on another thread. */
type Elsewhere = {
  readonly [Name in LongName as `${Name}_elsewhere`]: Long[Name] & {
    readonly name: Name;
    readonly nonblocking: true;
  };
};

/** Everything that is looked up in a library; long functions are there twice. */
export type NativeInterface = typeof OBJECT_SYMBOLS & typeof STEP_SYMBOLS & Long & Elsewhere;

const LONG: Long = { ...LAYER_SYMBOLS, ...QUANTIZATION_SYMBOLS, ...COMPENSATION_SYMBOLS };

/** What `Deno.dlopen` is given. */
export const SYMBOLS: NativeInterface = {
  ...OBJECT_SYMBOLS,
  ...STEP_SYMBOLS,
  ...LONG,
  ...Object.fromEntries(
    Object.entries(LONG).map((
      [name, symbol],
    ) => [`${name}_elsewhere`, { ...symbol, name, nonblocking: true }]),
  ) as Elsewhere,
};
