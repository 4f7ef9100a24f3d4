/**
 * The values that a grammar yields.
 *
 * @module
 */

import type { InferValue, Mode, Parser } from "@optique/core/parser";

/** The value of a parser. */
export type Infer<P extends Parser<Mode, unknown, unknown>> = InferValue<P>;
