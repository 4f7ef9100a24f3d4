/**
 * The tests of a new plugin.
 *
 * @module
 */

import { pascalCase } from "./pascal_case.ts";

/** `mod_test.ts`: the conformance suite, and a place for tests of its own. */
export function pluginTest(name: string): string {
  const pascal = pascalCase(name);
  const camel = pascal[0]?.toLowerCase() + pascal.slice(1);
  return `import { createReferenceBackend } from "@salient/quant";
import { conformance } from "@salient/quant/testing";
import assert from "node:assert/strict";
import ${camel} from "./mod.ts";

// The suite that Salient's own plugins pass, on small models made from a seed.
const cases = conformance(() => ${camel}({ bits: 3, groupSize: 32 }), {
  backend: createReferenceBackend,
  refused: [
    () => ${camel}({ bits: 1 }),
    () => ${camel}({ groupSize: 48 }),
    () => ${camel}({ shrink: 0 }),
    () => ${camel}({ bits: 4, ...{ shrnk: 0.9 } }),
  ],
});
for (const { name, run } of cases) Deno.test(\`${name} \${name}\`, run);

Deno.test("${name} has its name and version", () => {
  const { name, apiVersion } = ${camel}();
  assert.deepEqual([name, apiVersion], ["${name}", 1]);
});
`;
}
