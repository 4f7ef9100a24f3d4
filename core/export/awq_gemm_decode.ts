/**
 * Reads linears in AutoAWQ's GEMM layout.
 *
 * @module
 */

import type { Ops, QuantizedWeight } from "../backend.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { maxCode } from "../grid.ts";
import type { StoredLinear, StoredQuantization } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import type { DType, Tensor } from "../tensor.ts";
import { AWQ_LAYOUT } from "./awq_layout.ts";
import { rowBytes } from "./row_bytes.ts";
import { transpose } from "./transpose.ts";

/**
 * The quantized weight of one linear. Types, shapes, and the range of every integer and scale are
 * checked against the model and `quantization_config`.
 *
 * @throws {SalientError} `input`, naming the tensor.
 */
export async function decodeAwqGemm(
  checkpoint: Checkpoint,
  linear: LinearInfo,
  stored: StoredQuantization,
  ops: Ops,
): Promise<QuantizedWeight> {
  const [outputs, inputs] = linear.shape;
  const { bits, groupSize } = storedOf(checkpoint, linear, stored);
  if (inputs % groupSize !== 0 || outputs % 8 !== 0) {
    throw new SalientError(
      "input",
      `Linear ${
        showName(linear.name)
      } [${outputs}, ${inputs}] cannot be stored as AWQ with groups of ${groupSize}: quantization_config of ${checkpoint.directory} does not fit the model`,
      { file: checkpoint.directory, tensor: linear.name },
    );
  }
  const groups = inputs / groupSize;
  const words = outputs / 8;
  using qweight = view(checkpoint, `${linear.name}.qweight`, ["I32"], [inputs, words]);
  using qzeros = view(checkpoint, `${linear.name}.qzeros`, ["I32"], [groups, words]);
  using narrow = view(checkpoint, `${linear.name}.scales`, ["F16", "BF16"], [groups, outputs]);
  checkBits(checkpoint, `${linear.name}.qweight`, qweight, bits, ops);
  checkBits(checkpoint, `${linear.name}.qzeros`, qzeros, bits, ops);

  using stack = new DisposableStack();
  const codes = stack.use(await ops.unpackInt4(qweight, AWQ_LAYOUT));
  const zeros = stack.use(await ops.unpackInt4(qzeros, AWQ_LAYOUT));
  using wide = await ops.cast(narrow, "F32");
  const values = ops.download(wide);
  if (!values.every(Number.isFinite)) {
    throw refuse(
      checkpoint,
      `${linear.name}.scales`,
      "has scales that are not finite",
    );
  }
  const turned = transpose(values, groups, outputs);
  const scales = stack.use(ops.upload(turned, "F32", [outputs, groups]));
  const owned = stack.move();
  return {
    grid: {
      bits,
      groupSize,
      symmetric: false,
      scaleDtype: narrow.dtype === "BF16" ? "BF16" : "F16",
      range: "minmax",
    },
    codes,
    scales,
    zeros,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function storedOf(
  checkpoint: Checkpoint,
  linear: LinearInfo,
  stored: StoredQuantization,
): StoredLinear {
  const found = stored.of(linear);
  if (found !== undefined) return found;
  throw new SalientError(
    "input",
    `Linear ${showName(linear.name)} of ${checkpoint.directory} is plain by quantization_config`,
    { file: checkpoint.directory, tensor: linear.name },
  );
}

/** A view of a tensor that must have one of the types, and the shape. */
function view(
  checkpoint: Checkpoint,
  name: string,
  dtypes: readonly DType[],
  shape: readonly number[],
): Tensor {
  const entry = checkpoint.entries.get(name);
  const fits = entry === undefined || (
    dtypes.includes(entry.dtype) &&
    entry.shape.length === shape.length &&
    entry.shape.every((length, axis) => length === shape[axis])
  );
  if (!fits) {
    const found = `${entry.dtype} [${entry.shape.join(", ")}]`;
    const wanted = `${dtypes.join(" or ")} [${shape.join(", ")}]`;
    throw refuse(checkpoint, name, `is ${found} where the model needs ${wanted}`);
  }
  return checkpoint.tensor(name);
}

/** Integers of fewer than 4 bits leave the upper bits of every nibble empty. */
function checkBits(
  checkpoint: Checkpoint,
  name: string,
  words: Tensor,
  bits: number,
  ops: Ops,
): void {
  const forbidden = ~(maxCode({ bits }) * 0x1111_1111);
  if (forbidden === 0) return;
  for (const bytes of rowBytes(ops, words)) {
    let seen = 0;
    for (const word of new Int32Array(bytes.buffer)) seen |= word;
    if ((seen & forbidden) !== 0) {
      throw refuse(checkpoint, name, `has integers of more than the ${bits} bits it claims`);
    }
  }
}

function refuse(checkpoint: Checkpoint, tensor: string, text: string): SalientError {
  return new SalientError(
    "input",
    `Tensor ${
      showName(tensor)
    } of ${checkpoint.directory} ${text}: it is damaged or of another model`,
    { file: checkpoint.directory, tensor },
  );
}
