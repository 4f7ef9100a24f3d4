/**
 * The check that a block's parameters are numbers.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { Block, Model } from "../model/model.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Looks at every weight, bias and norm of a block.
 *
 * @throws {SalientError} `input`, naming the first tensor with a NaN or infinite value, or a linear that is not plain.
 */
export async function checkWeights(ops: Ops, model: Model, block: Block): Promise<void> {
  async function check(name: string, tensor: Tensor): Promise<void> {
    const { nonFinite } = await ops.summarize(tensor);
    if (nonFinite === 0) return;
    const values = nonFinite === 1 ? "value" : "values";
    const file = `${model.directory}/${model.checkpoint.entries.get(name)?.file ?? ""}`;
    throw new SalientError(
      "input",
      `Tensor ${name} has ${nonFinite} NaN or infinite ${values}: use a checkpoint that is whole`,
      { file, tensor: name },
    );
  }
  for (const { info, weight, bias } of block.linears.values()) {
    if ("packed" in weight) {
      throw new SalientError("input", `Linear ${info.name} is quantized already`, {
        tensor: info.name,
      });
    }
    await check(`${info.name}.weight`, weight);
    if (bias !== undefined) await check(`${info.name}.bias`, bias);
  }
  for (const { name, weight, bias } of block.norms.values()) {
    await check(`${name}.weight`, weight);
    if (bias !== undefined) await check(`${name}.bias`, bias);
  }
}
