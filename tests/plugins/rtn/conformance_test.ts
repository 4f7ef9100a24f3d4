import { conformance } from "../../../core/testing/mod.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { testBackends } from "../../test_backends.ts";

for (const backend of testBackends()) {
  const cases = conformance(() => rtn({ bits: 3, groupSize: 32 }), {
    backend: backend.create,
    refused: [
      () => rtn({ bits: 1 }),
      () => rtn({ bits: 2.5 }),
      () => rtn({ groupSize: 0 }),
      () => rtn({ groupSize: 48 }),
      () => rtn({ bits: 4, ...{ groupsize: 32 } }),
    ],
  });
  for (const { name, run } of cases) Deno.test(`rtn on ${backend.name} ${name}`, run);
}
