/**
 * What readers of AWQ checkpoints divide activations by.
 *
 * @module
 */

import type { Architecture } from "./architecture.ts";

/** A tensor of scales. */
export interface ActivationScales {
  /** Its full name. */
  readonly name: string;
  /** Its length: the width inside of the MLP. */
  readonly length: number;
}

/**
 * The scales of the activations of every block that has them. AutoAWQ searches them in families whose MLP is no product
 * (`mlp.act.scales`); transformers replaces those modules whatever is in the checkpoint.
 */
export function activationScales({ config, block }: Architecture): readonly ActivationScales[] {
  return Array.from({ length: config.blocks }, (_, index) => block(index)).flatMap((layout) => {
    const { name, mlp, linears } = layout;
    const up = linears.find(({ key }) => key === "up");
    if (mlp.kind !== "plain" || mlp.scaled === undefined || up === undefined) return [];
    return [{ name: `${name}.${mlp.scaled}.scales`, length: up.shape[0] }];
  });
}
