import assert from "node:assert/strict";
import { createReferenceBackend, loadTokenizer, openModel } from "../../../mod.ts";
import { gitHash, isLarge, sha256, TOKEN } from "./fake_hub.ts";
import { ID, MODEL, refused, Stage } from "./hub_stage.ts";

Deno.test("a model of the hub is fetched into the standard cache, opened, and found again", async () => {
  await using stage = await Stage.open();
  const progress: number[][] = [];
  const path = await stage.fetch(ID, {
    onProgress: ({ bytes, totalBytes, files, totalFiles }) =>
      progress.push([bytes, totalBytes, files, totalFiles]),
  });
  const { commit } = stage.hub.repositories.get(ID)!;
  const folder = `${stage.cache}/models--org--tiny`;
  assert.equal(path, `${folder}/snapshots/${commit}`);
  assert.equal(await Deno.readTextFile(`${folder}/refs/main`), commit);
  const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  for (const name of ["pytorch_model.bin", "original", "README.md", "run.py"]) {
    assert.ok(!names.includes(name), `${name} was fetched`);
  }
  for (const name of names) {
    const bytes = await Deno.readFile(`${path}/${name}`);
    const etag = isLarge(name) ? sha256(bytes) : gitHash(bytes);
    assert.equal(await Deno.readLink(`${path}/${name}`), `../../blobs/${etag}`);
    assert.equal(sha256(bytes), sha256(await Deno.readFile(`${MODEL}/${name}`)));
  }
  const [bytes, total, files, totalFiles] = progress.at(-1)!;
  assert.equal(bytes, total);
  assert.equal(files, names.length);
  assert.equal(totalFiles, names.length);

  using backend = createReferenceBackend();
  using model = await openModel(path, backend);
  assert.equal(model.config.hiddenSize, 128);
  const tokenizer = await loadTokenizer(path);
  assert.ok(tokenizer.encode("The state").length > 0);

  stage.hub.seen.length = 0;
  assert.equal(await stage.fetch(), path);
  assert.deepEqual(stage.hub.lines(/resolve|content/), []);
});

Deno.test("the network is left alone where it must be, and a whole snapshot serves", async (t) => {
  await using stage = await Stage.open();
  const offline = { settings: { offline: true } };
  await t.step("nothing in the cache", async () => {
    await assert.rejects(
      stage.fetch(ID, offline),
      refused(/org\/tiny .*not in the cache at main.*HF_HUB_OFFLINE/),
    );
    assert.deepEqual(stage.hub.seen, []);
  });
  const path = await stage.fetch();
  const commit = path.split("/").at(-1)!;
  await t.step("offline, by branch and by commit", async () => {
    stage.hub.seen.length = 0;
    assert.equal(await stage.fetch(ID, offline), path);
    assert.equal(await stage.fetch(`${ID}@${commit}`, offline), path);
    assert.deepEqual(stage.hub.seen, []);
  });
  await t.step("a hub that is down", async () => {
    const down = { settings: { endpoint: "http://127.0.0.1:9" } };
    stage.hub.faults.push({ match: /revision/, answer: () => new Response(null, { status: 503 }) });
    assert.equal(await stage.fetch(), path);
    assert.match(stage.notices.at(-1)!, /answers 503.*using the snapshot/);
    assert.equal(await stage.fetch(ID, down), path);
    assert.match(stage.notices.at(-1)!, /127\.0\.0\.1:9 cannot be reached/);
    stage.hub.faults.length = 0;
  });
  await t.step("a snapshot that lacks its weights", async () => {
    await Deno.remove(stage.weights.blob);
    await assert.rejects(
      stage.fetch(ID, offline),
      refused(/in the cache without model\.safetensors/),
    );
    assert.equal(await stage.fetch(), path);
    assert.equal(
      sha256(await Deno.readFile(`${path}/model.safetensors`)),
      sha256(stage.weights.bytes),
    );
  });
});

Deno.test("the token goes to the hub and to nobody else", async () => {
  await using stage = await Stage.open();
  stage.hub.repositories.get(ID)!.gated = true;
  await stage.fetch(ID, { settings: { token: TOKEN } });
  for (const { storage, authorization } of stage.hub.seen) {
    assert.equal(authorization, storage ? null : `Bearer ${TOKEN}`);
  }
  assert.ok(stage.hub.seen.some(({ storage }) => storage));
});

Deno.test("refusals of the hub are one line that says what to do", async (t) => {
  await using stage = await Stage.open();
  const { hub } = stage;
  await t.step("gated", async () => {
    hub.repositories.get(ID)!.gated = true;
    await assert.rejects(stage.fetch(), (error: Error) => {
      assert.ok(error.message.includes(`${hub.endpoint}/org/tiny`), error.message);
      return refused(/gated: accept its licence at .* and set HF_TOKEN/)(error);
    });
    const other = { settings: { token: "hf_other" } };
    await assert.rejects(stage.fetch(ID, other), refused(/token in use may not read it/));
    hub.repositories.get(ID)!.gated = false;
  });
  await t.step(
    "no such repository",
    () =>
      assert.rejects(stage.fetch("org/nothing"), refused(/org\/nothing was not found.*HF_TOKEN/)),
  );
  await t.step(
    "no such revision",
    () => assert.rejects(stage.fetch(`${ID}@v9`), refused(/has no revision v9/)),
  );
  await t.step("too many requests", async () => {
    hub.faults.push({ match: /revision/, answer: () => new Response("slow", { status: 429 }) });
    hub.seen.length = 0;
    await assert.rejects(stage.fetch(), refused(/429, too many requests/));
    assert.equal(hub.seen.length, 4);
    hub.faults.length = 0;
    hub.faults.push({
      match: /revision/,
      answer: () => new Response("slow", { status: 429, headers: { "retry-after": "7200" } }),
    });
    hub.seen.length = 0;
    await assert.rejects(stage.fetch(), refused(/wait 7200 s/));
    assert.equal(hub.seen.length, 1);
    hub.faults.length = 0;
  });
  await t.step("a server that is no hub", async () => {
    hub.faults.push({ match: /revision/, answer: () => new Response("<html>Welcome</html>") });
    await assert.rejects(stage.fetch(), refused(/does not answer as a hub does.*HF_ENDPOINT/));
    hub.faults.length = 0;
  });
  await t.step("names that would be put elsewhere", async () => {
    for (const name of ["/etc/evil.json", "..\\evil.json", "a:b.json"]) {
      await hub.add("org/evil", MODEL, { [name]: "{}" });
      await assert.rejects(stage.fetch("org/evil"), refused(/outside its folder/));
    }
  });
  await t.step("no weights that can be read", async () => {
    const config = { "config.json": "{}" };
    await hub.add("org/pickle", undefined, { ...config, "pytorch_model.bin": "x" });
    await assert.rejects(
      stage.fetch("org/pickle"),
      refused(/no safetensors but .*refs\/pr\/NUMBER/),
    );
    await hub.add("org/gguf", undefined, { "a-q4_0.gguf": "x", "b-q8_0.gguf": "x" });
    await assert.rejects(
      stage.fetch("org/gguf"),
      refused(/give one of org\/gguf:a-q4_0\.gguf, org\/gguf:b/),
    );
    await assert.rejects(
      stage.fetch("org/gguf:c.gguf"),
      refused(/does not have the file .*c\.gguf.*a-q4_0/),
    );
    await hub.add("org/data", undefined, { "data.csv": "x" });
    await assert.rejects(stage.fetch("org/data"), refused(/no config\.json/));
  });
});

Deno.test("shards are those of the index, and one that is not there is named", async () => {
  await using stage = await Stage.open();
  const weights = await Deno.readFile(`${MODEL}/model.safetensors`);
  const config = await Deno.readFile(`${MODEL}/config.json`);
  const index = (name: string): string =>
    JSON.stringify({ weight_map: { a: "one.safetensors", b: name } });
  const files = { "config.json": config, "one.safetensors": weights, "other.safetensors": "x" };
  await stage.hub.add("org/sharded", undefined, {
    ...files,
    "two.safetensors": weights,
    "model.safetensors.index.json": index("two.safetensors"),
  });
  const path = await stage.fetch("org/sharded");
  const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  assert.deepEqual(names, [
    "config.json",
    "model.safetensors.index.json",
    "one.safetensors",
    "two.safetensors",
  ]);
  await stage.hub.add("org/lacks", undefined, {
    ...files,
    "model.safetensors.index.json": index("three.safetensors"),
  });
  await assert.rejects(stage.fetch("org/lacks"), refused(/names .*three\.safetensors/));
  await stage.hub.add("org/climbs", undefined, {
    ...files,
    "model.safetensors.index.json": index("../../../../three.safetensors"),
  });
  await assert.rejects(stage.fetch("org/climbs"), refused(/only names of \.safetensors files/));
});

Deno.test("one file of a repository of GGUF files, with all of its parts", async () => {
  await using stage = await Stage.open();
  await stage.hub.add("org/gguf", undefined, {
    "q4/big-00001-of-00002.gguf": "one",
    "q4/big-00002-of-00002.gguf": "two",
    "small.gguf": "three",
  });
  const path = await stage.fetch("org/gguf:small.gguf");
  assert.equal(await Deno.readTextFile(path), "three");
  const big = await stage.fetch("org/gguf:q4/big-00001-of-00002.gguf");
  assert.equal(await Deno.readTextFile(big), "one");
  assert.equal(await Deno.readTextFile(big.replace("00001-of", "00002-of")), "two");
  assert.equal(
    await Deno.readLink(big),
    `../../../blobs/${sha256(new TextEncoder().encode("one"))}`,
  );
});
