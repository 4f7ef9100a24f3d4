import type { Plugin } from "../../../core/plugin.ts";
import { conformance } from "../../../core/testing/mod.ts";
import { smoothquant, type SmoothQuantOptions } from "../../../plugins/smoothquant/mod.ts";
import { testBackends } from "../../test_backends.ts";

const kinds: Record<string, SmoothQuantOptions> = {
  "smoothquant": {},
  "smoothquant, alpha by search": { alpha: "search", activations: "static", tokens: 32 },
  "smoothquant of four bits in groups": { alpha: 0.8, bits: 4, groupSize: 32, symmetric: false },
};
const refused: (() => Plugin)[] = [
  { alpha: 1.5 },
  { alpha: NaN },
  { sets: ["norm"] },
  { bits: 9 },
  { groupSize: 48 },
  { activations: "fixed" },
  { tokens: 0 },
].map((options) => () => smoothquant(options as SmoothQuantOptions));

for (const backend of testBackends()) {
  for (const [kind, options] of Object.entries(kinds)) {
    const make = (): Plugin => smoothquant(options);
    for (const { name, run } of conformance(make, { backend: backend.create, refused })) {
      Deno.test(`${kind} on ${backend.name} ${name}`, run);
    }
  }
}
