import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { quantize, quantizeInMemory } from "../../mod.ts";
import type { Plugin } from "../../core/plugin.ts";
import { conformance } from "../../core/testing/mod.ts";
import { PluginDriver } from "../../core/pipeline/plugin_driver.ts";
import { rtn } from "../../plugins/rtn/mod.ts";
import everything from "../fixtures/frozen_plugin_v1/everything.ts";
import hadamard from "../fixtures/frozen_plugin_v1/hadamard.ts";
import { make } from "../core/pipeline/driver_fixtures.ts";
import { GROUPED, tinyCalibration, Workshop } from "../core/pipeline/pipeline_fixtures.ts";
import { testBackends } from "../test_backends.ts";

// `deno task check` checks the types of the frozen files; here they run.
const FOLDER = new URL("../fixtures/frozen_plugin_v1/", import.meta.url);
const { create } = testBackends().at(-1)!;

Deno.test("the frozen plugins are as they were", async () => {
  const hashes: Record<string, string> = {
    "everything.ts": "8b9101136ff8a81d1a49efc86677eb3117daa3fe53f96d35758b225bca1f345b",
    "hadamard.ts": "02b9ab1163d4ed324cc70dae52c3f60c6ca9b72452f00f912aa4207e1c6266f1",
    "orthogonal_matrix.ts": "9a5517f302d2fa9b2fc4ed06eab85b8430094c4b21c95337c5f897c3904cbba6",
  };
  for (const [file, hash] of Object.entries(hashes)) {
    const text = await Deno.readFile(new URL(file, FOLDER));
    const found = createHash("sha256").update(text).digest("hex");
    assert.equal(found, hash, `${file} has changed: it must stay as strangers have published it`);
  }
});

Deno.test("a plugin of version 1 that uses all of it goes through", async () => {
  using backend = await create();
  await using workshop = await Workshop.create(GROUPED);
  const seen = new Set<string>();
  const options = { bits: 4, groupSize: 16, seen: (hook: string) => void seen.add(hook) };
  const common = { model: workshop.model, backend, calibration: tinyCalibration() };
  const plugins = [everything(options)];
  const report = await quantize({ ...common, plugins, format: "awq-gemm", out: workshop.out });
  assert.equal(report.method, "everything");
  const hooks = Object.keys(everything(options)).filter((key) => /^(?!name|api|enforce)/.test(key));
  assert.deepEqual([...seen].sort(), hooks.sort());
  assert.deepEqual([[...seen][0], [...seen].at(-1)], ["setup", "finish"]);
  assert.ok(report.layers.every(({ error }) => error < 0.1));
  assert.equal(report.layers.filter(({ notes }) => "loss" in notes).length, 13);
  const { model } = await quantizeInMemory({ ...common, plugins: [everything(options)] });
  model[Symbol.dispose]();
});

for (const { name, run } of conformance(() => everything({ groupSize: 64 }), { backend: create })) {
  Deno.test(`a frozen plugin that uses all of version 1 ${name}`, run);
}

Deno.test("the frozen example goes through", async () => {
  using backend = await create();
  await using workshop = await Workshop.create(GROUPED);
  const plugins = [hadamard(), rtn({ groupSize: 16 })];
  const report = await quantize({ model: workshop.model, backend, plugins, out: workshop.out });
  assert.equal(report.method, "hadamard+rtn");
});

Deno.test("a hook that is added later means nothing to a plugin without it", () => {
  /** The contract as it may be one day. */
  interface LaterPlugin extends Plugin {
    /** A hook that there is not yet. */
    transformLater?(what: string): void;
  }
  const later: LaterPlugin = everything(); // a plugin of today is one of that day
  assert.equal(later.transformLater, undefined);
  // And one of that day is refused today by the hook's name, not passed over in silence.
  assert.throws(
    () => make([{ ...later, transformLater() {} }]),
    /Plugin everything has the unknown hook transformLater: /,
  );
  assert.ok(make([later]) instanceof PluginDriver);
});
