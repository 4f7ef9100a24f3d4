import { conformance } from "../../../core/testing/mod.ts";
import { awq, type AwqOptions } from "../../../plugins/awq/mod.ts";
import type { Plugin } from "../../../core/plugin.ts";
import { testBackends } from "../../test_backends.ts";

const kinds: Record<string, AwqOptions> = {
  "awq": { bits: 3, groupSize: 32 },
  "awq by modules": { bits: 4, groupSize: 128, objective: "module", duoScaling: "both" },
  "awq on a sample": { bits: 4, groupSize: 64, tokens: 32, symmetric: true },
  "awq by gradient": { bits: 3, groupSize: 32, search: "gradient", tokens: 32 },
  "awq channel by channel": { bits: 3, groupSize: 128, search: "channel", clip: { sweeps: 0 } },
};
const refused: (() => Plugin)[] = [
  { bits: 9 },
  { groupSize: 48 },
  { gridPoints: 1 },
  { clip: { steps: 0 } },
  { clip: { maxShrink: 2 } },
  { tokens: 0 },
  { finalists: 0 },
].map((options) => () => awq(options));

for (const backend of testBackends()) {
  for (const [kind, options] of Object.entries(kinds)) {
    // The reference is slow: it takes the first kind only, with the least to search.
    const slow = backend.name === "reference";
    if (slow && kind !== "awq") continue;
    const make = (): Plugin =>
      awq({ gridPoints: slow ? 2 : 4, finalists: slow ? 1 : 2, ...options });
    for (const { name, run } of conformance(make, { backend: backend.create, refused })) {
      Deno.test(`${kind} on ${backend.name} ${name}`, run);
    }
  }
}
