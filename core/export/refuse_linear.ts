/**
 * The error for a linear that a format cannot hold.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { LinearInfo } from "../plugin.ts";

/** An input error that names the linear; `text` follows the format's name. */
export function refuseLinear(format: string, linear: LinearInfo, text: string): SalientError {
  return new SalientError("input", `Format ${format} ${text}`, { tensor: linear.name });
}
