import assert from "node:assert/strict";
import { hubSettings, parseHubModel } from "../../../mod.ts";
import { retryDelay } from "../../../core/hub/retry_delay.ts";
import { temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

Deno.test("hubSettings() follows the variables of Python's huggingface_hub", async () => {
  await using folder = await temporaryDirectory();
  await Deno.writeTextFile(`${folder.path}/token`, "hf_file\n");
  const cases: [Record<string, string>, Partial<Awaited<ReturnType<typeof hubSettings>>>][] = [
    [{}, {
      endpoint: "https://huggingface.co",
      cache: undefined,
      token: undefined,
      offline: false,
    }],
    [{ HOME: "/home/a" }, { cache: "/home/a/.cache/huggingface/hub" }],
    [{ HOME: "/home/a", XDG_CACHE_HOME: "/x" }, { cache: "/x/huggingface/hub" }],
    [{ HOME: "/home/a", HF_HOME: "~/hf" }, { cache: "/home/a/hf/hub" }],
    [{ HF_HOME: folder.path }, { cache: `${folder.path}/hub`, token: "hf_file" }],
    [{ HF_HOME: folder.path, HF_TOKEN: " hf_env\n" }, { token: "hf_env" }],
    [{ HUGGING_FACE_HUB_TOKEN: "hf_old" }, { token: "hf_old" }],
    [{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/old" }, { cache: "/old" }],
    [{ HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/new" }, { cache: "/new" }],
    [{ HF_TOKEN_PATH: `${folder.path}/token` }, { token: "hf_file" }],
    [{ HF_ENDPOINT: "https://mirror.example/" }, { endpoint: "https://mirror.example" }],
    [{ HF_HUB_OFFLINE: "1" }, { offline: true }],
    [{ HF_HUB_OFFLINE: "0", TRANSFORMERS_OFFLINE: "" }, { offline: false }],
    [{ TRANSFORMERS_OFFLINE: "yes" }, { offline: true }],
  ];
  for (const [variables, expected] of cases) {
    const settings = await hubSettings((name) => variables[name]);
    assert.deepEqual({ ...settings, ...expected }, settings, JSON.stringify(variables));
  }
  for (const wrong of ["hub", "ftp://x", "http://user:secret@x"]) {
    await assert.rejects(
      hubSettings((name) => name === "HF_ENDPOINT" ? wrong : undefined),
      /HF_ENDPOINT/,
    );
  }
});

Deno.test("parseHubModel() tells models of the hub from paths", () => {
  const models = {
    "org/name": { id: "org/name", revision: "main" },
    "org/name.v1@main": { id: "org/name.v1", revision: "main" },
    "org/name@refs/pr/3": { id: "org/name", revision: "refs/pr/3" },
    "org/name:a/b-00001-of-00002.gguf": {
      id: "org/name",
      revision: "main",
      file: "a/b-00001-of-00002.gguf",
    },
    "org/name@v2:b.gguf": { id: "org/name", revision: "v2", file: "b.gguf" },
  };
  for (const [text, model] of Object.entries(models)) assert.deepEqual(parseHubModel(text), model);
  for (
    const path of [
      ...["", "name", "./org/name", "/org/name", "../org/name", "org/name/more", "org/name.gguf"],
      ...["org/name@", "org/name@../x", "org/name@a//b", "org/name:b.bin", "org/name:../b.gguf"],
      ...["org/na--me", "org/..", "or g/name", "org\\name", "C:/models", "org/name.git", "-o/name"],
    ]
  ) assert.equal(parseHubModel(path), undefined, path);
});

Deno.test("retryDelay() reads what servers say", () => {
  const delay = (headers: Record<string, string>): number | undefined =>
    retryDelay(new Headers(headers));
  assert.equal(delay({}), undefined);
  assert.equal(delay({ "retry-after": "17" }), 17);
  assert.equal(delay({ ratelimit: '"api";r=0;t=55' }), 55);
  assert.equal(delay({ "retry-after": "soon" }), undefined);
  const inAMinute = delay({ "retry-after": new Date(Date.now() + 60_000).toUTCString() })!;
  assert.ok(inAMinute > 55 && inAMinute <= 60);
  assert.equal(delay({ "retry-after": new Date(0).toUTCString() }), 0);
});
