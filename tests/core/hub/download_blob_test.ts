import assert from "node:assert/strict";
import { downloadBlob } from "../../../core/hub/download_blob.ts";
import { HubClient } from "../../../core/hub/hub_client.ts";
import { hubSettings } from "../../../mod.ts";
import { sha256 } from "./fake_hub.ts";
import { ID, refused, sizeOf, Stage } from "./hub_stage.ts";

Deno.test("429 with Retry-After, 5xx and dropped requests are asked again", async () => {
  await using stage = await Stage.open();
  const headers = { "retry-after": "0.01" };
  stage.hub.faults.push(
    { match: /revision/, times: 2, answer: () => new Response(null, { status: 429, headers }) },
    { match: /tree/, times: 1, answer: () => new Response(null, { status: 502 }) },
    { match: /content/, times: 2, answer: () => new Response(null, { status: 503 }) },
  );
  const path = await stage.fetch();
  assert.equal(
    sha256(await Deno.readFile(`${path}/model.safetensors`)),
    sha256(stage.weights.bytes),
  );
  assert.equal(stage.hub.lines(/revision/).length, 3);
});

Deno.test("a connection that drops is taken up where it was cut", async (t) => {
  await t.step("several times in one run", async () => {
    await using stage = await Stage.open();
    stage.hub.faults.push({ match: /content/, times: 3, cutAfter: 100_000 });
    const path = await stage.fetch();
    assert.equal(
      sha256(await Deno.readFile(`${path}/model.safetensors`)),
      sha256(stage.weights.bytes),
    );
    const ranges = stage.hub.seen.filter(({ storage }) => storage).map(({ range }) => range);
    assert.equal(ranges.length, 4);
    assert.equal(ranges[0], null);
    const offsets = ranges.slice(1).map((range) => Number(/\d+/.exec(range ?? "")?.[0]));
    assert.ok(
      offsets[0]! > 0 && offsets[1]! > offsets[0]! && offsets[2]! > offsets[1]!,
      `${offsets}`,
    );
  });
  await t.step("in the next run, from half a blob", async () => {
    await using stage = await Stage.open();
    const { blob, bytes } = stage.weights;
    stage.hub.faults.push({ match: /content/, times: 1, cutAfter: 200_000 }, {
      match: /content/,
      cutAfter: 0,
    });
    await assert.rejects(
      stage.fetch(),
      refused(/cut at \d+ of \d+ bytes, 4 times.*run again, it goes on/),
    );
    const half = (await Deno.stat(`${blob}.incomplete`)).size;
    assert.ok(half > 0 && half < bytes.length);
    stage.hub.faults.length = 0;
    stage.hub.seen.length = 0;
    const path = await stage.fetch();
    assert.equal(sha256(await Deno.readFile(`${path}/model.safetensors`)), sha256(bytes));
    assert.deepEqual(stage.hub.seen.filter(({ storage }) => storage).map(({ range }) => range), [
      `bytes=${half}-`,
    ]);
  });
  await t.step("a server that does not know ranges sends it all again", async () => {
    await using stage = await Stage.open();
    const { blob, bytes } = stage.weights;
    await Deno.mkdir(`${stage.cache}/models--org--tiny/blobs`, { recursive: true });
    await Deno.writeFile(`${blob}.incomplete`, bytes.slice(0, 1234));
    stage.hub.faults.push({ match: /content/, times: 1, ignoreRange: true });
    const path = await stage.fetch();
    assert.equal(sha256(await Deno.readFile(`${path}/model.safetensors`)), sha256(bytes));
    assert.equal(stage.hub.lines(/content/).length, 1);
  });
  await t.step("a connection that only stands still counts as dropped", async () => {
    await using stage = await Stage.open();
    stage.hub.faults.push({ match: /content/, times: 1, stallAfter: 50_000 });
    const path = await stage.fetch(ID, { patience: 1 });
    assert.equal(
      sha256(await Deno.readFile(`${path}/model.safetensors`)),
      sha256(stage.weights.bytes),
    );
  });
});

Deno.test("a wrong checksum is fetched once more, then refused, and nothing of it is kept", async (t) => {
  await t.step("once", async () => {
    await using stage = await Stage.open();
    stage.hub.faults.push({ match: /content/, times: 1, corrupt: true });
    const path = await stage.fetch();
    assert.equal(
      sha256(await Deno.readFile(`${path}/model.safetensors`)),
      sha256(stage.weights.bytes),
    );
    assert.match(stage.notices.join(), /model\.safetensors came with a wrong checksum/);
  });
  await t.step("twice, and of a small file", async () => {
    for (const match of [/content/, /resolve.*config\.json/]) {
      await using stage = await Stage.open();
      stage.hub.faults.push({ match, corrupt: true });
      await assert.rejects(stage.fetch(), refused(/came twice with a wrong checksum/));
      const left = [...Deno.readDirSync(`${stage.cache}/models--org--tiny/blobs`)];
      assert.deepEqual(left.filter(({ name }) => name.endsWith(".incomplete")), []);
      const offline = stage.fetch(ID, { settings: { offline: true } });
      await assert.rejects(offline, refused(/not in the cache/));
    }
  });
  await t.step("half a blob that is not of this content", async () => {
    await using stage = await Stage.open();
    const { blob, bytes } = stage.weights;
    await Deno.mkdir(`${stage.cache}/models--org--tiny/blobs`, { recursive: true });
    await Deno.writeFile(`${blob}.incomplete`, new Uint8Array(5000).fill(7));
    const path = await stage.fetch();
    assert.equal(sha256(await Deno.readFile(`${path}/model.safetensors`)), sha256(bytes));
  });
});

Deno.test("two that fetch the same at once fetch it once", async () => {
  await using stage = await Stage.open();
  const [one, two] = await Promise.all([stage.fetch(), stage.fetch()]);
  assert.equal(one, two);
  assert.equal(stage.hub.lines(/content/).length, 1);
  assert.equal(
    sha256(await Deno.readFile(`${one}/model.safetensors`)),
    sha256(stage.weights.bytes),
  );
});

Deno.test("a fetch that is interrupted keeps what has come", async () => {
  await using stage = await Stage.open();
  const stop = new AbortController();
  stage.hub.faults.push({ match: /content/, stallAfter: 64_000 });
  const fetching = stage.fetch(ID, { signal: stop.signal });
  const stopped = (async () => {
    while (await sizeOf(`${stage.weights.blob}.incomplete`) < 64_000) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    stop.abort(new Error("enough"));
  })();
  await assert.rejects(fetching, /enough/);
  await stopped;
  assert.equal(await sizeOf(`${stage.weights.blob}.incomplete`), 64_000);
});

Deno.test("a disk that is full is said so, and what has come is kept", async () => {
  await using stage = await Stage.open();
  const { bytes } = stage.weights;
  stage.hub.uploads.objects.set(sha256(bytes), bytes.slice());
  const settings = { ...await hubSettings(() => undefined), endpoint: stage.hub.endpoint };
  const incomplete = `${stage.cache}/x.incomplete`;
  const download = downloadBlob({
    client: new HubClient({ settings, id: ID, backoff: 0.001 }),
    url: new URL(`${stage.hub.storage}/content/${sha256(bytes)}`),
    file: { path: "x", size: bytes.length, etag: sha256(bytes), hash: "sha256" },
    incomplete,
    blob: `${stage.cache}/x`,
    onBytes: () => {},
    async openFile(path) {
      const file = await Deno.open(path, { read: true, write: true, create: true });
      let room = 100_000;
      return {
        read: (p) => file.read(p),
        seek: (offset, whence) => file.seek(offset, whence),
        truncate: (length) => file.truncate(length),
        sync: () => file.sync(),
        stat: () => file.stat(),
        close: () => file.close(),
        write(p) {
          if (room <= 0) throw Object.assign(new Error("os error 28"), { code: "ENOSPC" });
          room -= p.length;
          return file.write(p);
        },
      };
    },
  });
  await assert.rejects(
    download,
    refused(/no space left on the disk, free some or set HF_HUB_CACHE/),
  );
  assert.ok((await Deno.stat(incomplete)).size >= 100_000);
});
