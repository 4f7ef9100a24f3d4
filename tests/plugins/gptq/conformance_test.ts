import { conformance } from "../../../core/testing/mod.ts";
import type { Plugin } from "../../../core/plugin.ts";
import { gptq, type GptqOptions } from "../../../plugins/gptq/mod.ts";
import { testBackends } from "../../test_backends.ts";

const kinds: Record<string, GptqOptions> = {
  "gptq": { bits: 3, groupSize: 32 },
  "gptq with dynamic groups": { bits: 4, groupSize: 64, order: "groups", groups: "dynamic" },
  "gptq on plain ranges": { bits: 3, groupSize: 128, ranges: false, symmetric: true },
  "gptq on sequential inputs": { bits: 4, groupSize: -1, sequential: true },
};
const refused: (() => Plugin)[] = [
  { bits: 9 },
  { groupSize: 48 },
  { damping: -1 },
  { groups: "dynamic" as const },
  { ranges: { steps: 0 } },
].map((options) => () => gptq(options));

for (const backend of testBackends()) {
  for (const [kind, options] of Object.entries(kinds)) {
    if (backend.name === "reference" && kind !== "gptq") continue; // it is slow
    for (
      const { name, run } of conformance(() => gptq(options), { backend: backend.create, refused })
    ) {
      Deno.test(`${kind} on ${backend.name} ${name}`, run);
    }
  }
}
