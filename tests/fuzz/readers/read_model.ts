/**
 * Reads a model as commands do.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Backend } from "../../../core/backend.ts";
import { recogniseFormat } from "../../../core/export/formats.ts";
import { digestQuantized, verifyLinear } from "../../../core/export/verify.ts";
import { storedActivation } from "../../../core/export/stored_activation.ts";
import { inspectModel } from "../../../core/inspect/inspect_model.ts";
import { lintModel } from "../../../core/inspect/lint_model.ts";
import { openModel } from "../../../core/model/open_model.ts";

/** Opens it, says what it is, reads every tensor, loads and runs its first blocks, decodes a linear and verifies it. */
export async function readModel(path: string, backend: Backend): Promise<void> {
  using model = await openModel(path, backend);
  inspectModel(model);
  lintModel(model, "vllm");
  lintModel(model, "llama.cpp");
  for (const { name, dtype, shape } of model.checkpoint.entries.values()) {
    using tensor = model.checkpoint.tensor(name);
    assert.deepEqual([tensor.dtype, tensor.shape], [dtype, shape]);
    backend.downloadBytes(tensor);
    model.checkpoint.release(name);
  }
  const ids = Int32Array.of(0, Math.min(1, model.config.vocabSize - 1));
  using hidden = await model.embed(ids);
  for (let index = 0; index < Math.min(2, model.config.blocks); index++) {
    using block = await model.loadBlock(index);
    using _output = await block.run(hidden, { sequences: 1 });
  }
  using _logits = await model.logits(hidden);
  const recognised = recogniseFormat(model.rawConfig);
  const linear = model.linears.find((each) => model.quantization?.of(each) !== undefined);
  if (recognised === undefined || linear === undefined) return;
  const { format, stored } = recognised;
  const { checkpoint } = model;
  using weight = await format.decode(checkpoint, linear, stored, backend);
  const activation = await storedActivation(format, checkpoint, linear, stored, backend);
  const expected = digestQuantized(weight, backend, activation);
  await verifyLinear({ checkpoint, linear, format, stored, expected, ops: backend });
}
