import assert from "node:assert/strict";
import { openModel } from "../../../../core/model/open_model.ts";
import { createReferenceBackend } from "../../../../ffi/reference/reference_backend.ts";
import { writeTinyModel } from "../../../tiny_model.ts";
import { logitsOf } from "../../pipeline/pipeline_fixtures.ts";
import { type FamilyCase, familyCases, familyParameter } from "./family_cases.ts";

/** How else the tensors of a case may be named: what a name begins with, and what it begins with then. */
const OTHERS: readonly (readonly [name: string, from: string, to: string])[] = [
  ["bloom", "transformer.", ""],
  ["falcon_7b", "transformer.", ""],
  ["gpt2", "transformer.", ""],
  ["gpt_bigcode", "transformer.", ""],
  ["gpt_neo", "transformer.", ""],
  ["gpt_neox", "embed_out.", "lm_head."],
  ["gpt_neox", "gpt_neox.", ""],
  ["gptj", "transformer.", ""],
  ["mpt", "transformer.", ""],
  ["opt", "model.decoder.", "decoder."],
  ["phi", "model.", ""],
  ["starcoder2", "model.", ""],
];

const cases = new Map(familyCases().map((each) => [each.name, each]));

/** Logits of a case whose tensors are named otherwise; its values stay those of the old names. */
async function renamedLogits(each: FamilyCase, from: string, to: string): Promise<Float32Array> {
  const old = new Map(each.tensors.map(([name]) => {
    return [name.startsWith(from) ? to + name.slice(from.length) : name, name];
  }));
  const tensors = each.tensors.map(([, shape], i) => [[...old.keys()][i] ?? "", shape] as const);
  const folder = await Deno.makeTempDir();
  try {
    await writeTinyModel(folder, each.config, {
      tensors,
      parameter: (name, shape) => familyParameter(old.get(name) ?? "", shape),
    });
    using backend = createReferenceBackend();
    using model = await openModel(folder, backend);
    return await logitsOf(model, each.ids);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [name, from, to] of OTHERS) {
  Deno.test(`${name} is read with ${to || "nothing"} in place of ${from}`, async () => {
    const each = cases.get(name);
    assert.ok(each !== undefined && each.tensors.some(([tensor]) => tensor.startsWith(from)));
    assert.deepEqual(await renamedLogits(each, from, to), await renamedLogits(each, "", ""));
  });
}
