/**
 * A Salient plugin that asks for rounded activations in front of every linear: what a rotation is made for.
 *
 * @module
 */

import { checkOptionNames, definePlugin, type Plugin, SalientError } from "@salient/quant/plugin";

/** What {@linkcode activations} takes. */
export interface ActivationsOptions {
  /** Bits of an activation, 2 to 8. Default 8. */
  to?: number;
}

/** `salient` offers the first three to every plugin; they are about weights. */
const NAMES: readonly string[] = ["bits", "groupSize", "symmetric", "to"];

/** Makes the plugin: a scale for each token, found at run time. It rounds no weight. */
export default function activations(options: ActivationsOptions = {}): Plugin {
  checkOptionNames("activations", options, NAMES);
  const { to = 8 } = options;
  if (!Number.isInteger(to) || to < 2 || to > 8) {
    throw new SalientError("usage", `Option to of activations must be 2 to 8 bits but is ${to}`);
  }
  return definePlugin({
    name: "activations",
    apiVersion: 1,
    quantizeActivation: () => ({ bits: to, granularity: "token", dynamic: true }),
  });
}
