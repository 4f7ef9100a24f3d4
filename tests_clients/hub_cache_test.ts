import assert from "node:assert/strict";
import { generate, loadTokenizer, openBackend, openModel, resolveModel } from "../mod.ts";
import { temporaryDirectory } from "../tests/core/checkpoint/checkpoint_files.ts";
import { FakeHub, sha256 } from "../tests/core/hub/fake_hub.ts";
import { clientTest, missingPython, runPython } from "./run_child.ts";

const MODEL = new URL("../models/salient-tiny", import.meta.url).pathname;
const SCRIPT = "tools/hub_cache.py";
const ID = "org/tiny";

async function openHub(): Promise<FakeHub> {
  const hub = new FakeHub();
  await hub.add(ID, MODEL, { "README.md": "# Tiny", "pytorch_model.bin": "no" });
  return hub;
}

for (const patterns of [undefined, ["*.json", "*.safetensors"]]) {
  clientTest(
    `a snapshot that Python made is used without network (${patterns ?? "all files"})`,
    missingPython("huggingface_hub"),
    async () => {
      await using hub = await openHub();
      await using folder = await temporaryDirectory();
      const place = { endpoint: hub.endpoint, cache: folder.path };
      const { path } = await runPython<{ path: string }>(SCRIPT, {
        ...place,
        do: "download",
        id: ID,
        ...(patterns === undefined ? {} : { patterns }),
      });
      hub.seen.length = 0;
      const found = await resolveModel(ID, { settings: { ...place, offline: true } });
      assert.equal(found.path, path);
      assert.deepEqual(hub.seen, []);
      using backend = await openBackend("auto");
      using model = await openModel(found.path, backend);
      assert.equal(model.config.hiddenSize, 128);
      // Online, nothing is fetched again.
      await resolveModel(ID, { settings: { ...place, token: undefined } });
      assert.deepEqual(
        hub.lines(/content|resolve/).filter((line) => /safetensors|config/.test(line)),
        [],
      );
    },
  );
}

clientTest(
  "a snapshot that we made is found by Python, whole and without warnings",
  missingPython("huggingface_hub"),
  async () => {
    await using hub = await openHub();
    await using folder = await temporaryDirectory();
    const place = { endpoint: hub.endpoint, cache: folder.path };
    const { path } = await resolveModel(ID, { settings: { ...place, token: undefined } });
    const found = await runPython<Record<string, unknown>>(SCRIPT, {
      ...place,
      do: "find",
      id: ID,
      offline: true,
    });
    assert.equal(found.path, path);
    assert.equal(found.config, `${path}/config.json`);
    assert.deepEqual(found.warnings, []);
    assert.deepEqual(found.refs, ["main"]);
    assert.deepEqual(found.files, [...Deno.readDirSync(path)].map(({ name }) => name).sort());
    hub.seen.length = 0;
    await runPython(SCRIPT, { ...place, do: "download", id: ID, patterns: ["*.safetensors"] });
    assert.deepEqual(hub.lines(/content/), []);
  },
);

clientTest(
  "transformers runs a model from the snapshot that we made, as we do",
  missingPython("huggingface_hub", "transformers", "torch"),
  async () => {
    await using hub = await openHub();
    await using folder = await temporaryDirectory();
    const place = { endpoint: hub.endpoint, cache: folder.path };
    const { path } = await resolveModel(ID, { settings: { ...place, token: undefined } });
    const text = "The people of the United";
    const theirs = await runPython<{ ids: number[]; best: number }>(SCRIPT, {
      ...place,
      do: "logits",
      id: ID,
      text,
      offline: true,
    });
    const tokenizer = await loadTokenizer(path);
    assert.deepEqual([...tokenizer.encode(text)], theirs.ids);
    using backend = await openBackend("auto");
    using model = await openModel(path, backend);
    const ours = await generate(model, tokenizer, text, { maxTokens: 1 });
    assert.equal(ours.text, tokenizer.decode([theirs.best]));
  },
);

clientTest(
  "a content that Python is fetching is waited for",
  missingPython("huggingface_hub"),
  async () => {
    await using hub = await openHub();
    await using folder = await temporaryDirectory();
    const place = { endpoint: hub.endpoint, cache: folder.path };
    const weights = hub.repositories.get(ID)!.files.get("model.safetensors")!;
    const lock = `${folder.path}/.locks/models--org--tiny/${sha256(weights)}.lock`;
    const ready = `${folder.path}/ready`;
    const held = runPython<{ released: number }>(SCRIPT, {
      ...place,
      do: "hold",
      id: ID,
      lock,
      ready,
      seconds: 1.5,
    });
    while (!(await Deno.stat(ready).then(() => true, () => false))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const notices: string[] = [];
    await resolveModel(ID, {
      settings: { ...place, token: undefined },
      onNotice: (notice) => notices.push(notice),
    });
    const done = Date.now() / 1000;
    assert.ok(done >= (await held).released, "the lock was not waited for");
    assert.match(notices.join(), /model\.safetensors is being fetched by another process/);
  },
);
