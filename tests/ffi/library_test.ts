import assert from "node:assert/strict";
import { createCpuBackend } from "../../ffi/cpu/cpu_backend.ts";
import { findLibrary, NativeLibrary } from "../../ffi/library.ts";
import { libraryFileName, platformName } from "../../ffi/native/platform.ts";
import { runChild } from "./children/run_child.ts";

const NAME = libraryFileName("cpu");

/** Runs the body with an empty folder that stands for `ffi/native/`. */
function withRoot(body: (root: URL) => void, parent?: URL): void {
  if (parent !== undefined) Deno.mkdirSync(parent, { recursive: true });
  const path = Deno.makeTempDirSync(parent === undefined ? {} : { dir: parent.pathname });
  try {
    body(new URL(`file://${path}/`));
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

/** Writes a file below a root, with its folders. */
function write(root: URL, path: string, data: string): void {
  const url = new URL(path, root);
  Deno.mkdirSync(new URL("./", url), { recursive: true });
  Deno.writeTextFileSync(url, data);
}

Deno.test("findLibrary() says how to get a missing library", () => {
  withRoot((root) => {
    assert.throws(() => findLibrary("cpu", { root }), {
      code: "backend",
      message:
        `There is no cpu library for ${platformName()}: build it with deno task build:native`,
    });
  });
});

Deno.test("findLibrary() refuses a library that is not the manifest's", () => {
  withRoot((root) => {
    const folder = `prebuilt/${platformName()}/`;
    write(root, folder + NAME, "not the library");
    write(root, folder + "manifest.json", JSON.stringify({ sha256: "0".repeat(64) }));
    assert.throws(() => findLibrary("cpu", { root }), {
      code: "backend",
      message: /is not the one its manifest names/,
    });
  });
});

Deno.test("findLibrary() refuses a damaged manifest", () => {
  for (const text of ["{", "{}", '{"sha256": 5}', "null"]) {
    withRoot((root) => {
      const folder = `prebuilt/${platformName()}/`;
      write(root, folder + NAME, "not the library");
      write(root, folder + "manifest.json", text);
      assert.throws(() => findLibrary("cpu", { root }), {
        code: "backend",
        message: /manifest of the native library is damaged/,
      });
    });
  }
});

Deno.test("findLibrary() prefers a local build", () => {
  withRoot((root) => {
    write(root, `build/${platformName()}/${NAME}`, "not a library");
    const { url, origin } = findLibrary("cpu", { root });
    assert.equal(origin, "local build");
    assert.ok(url.pathname.endsWith(`build/${platformName()}/${NAME}`));
  });
});

Deno.test("findLibrary() opens nothing over the network", () => {
  const root = new URL("https://example.com/ffi/native/");
  assert.throws(() => findLibrary("cpu", { root }), {
    code: "backend",
    message: /cannot be opened from https:/,
  });
});

Deno.test("NativeLibrary.open() says what is wrong with a damaged library", () => {
  // Below a folder that tests may open libraries from.
  const parent = new URL("../../ffi/native/build/damaged/", import.meta.url);
  withRoot((root) => {
    write(root, `build/${platformName()}/${NAME}`, "not a library");
    assert.throws(() => NativeLibrary.open("cpu", { root }), {
      code: "backend",
      message: /^Cannot open the cpu library .*\.so: /,
    });
  }, parent);
  Deno.removeSync(parent);
});

Deno.test("NativeLibrary.open() refuses another version of the interface", () => {
  assert.throws(() => NativeLibrary.open("cpu", { abiVersion: 999 }), {
    code: "backend",
    message: /has interface version \d+ but 999 is needed: /,
  });
});

Deno.test("NativeLibrary.unwrap() gives each status its own text, once", () => {
  using library = NativeLibrary.open("cpu");
  const out = new Uint32Array(1);
  const statuses = [7, 8, 9].map((handle) => library.symbols.salient_rows(handle, 0, 0, out));
  for (const [i, status] of [...statuses.entries()].reverse()) {
    assert.throws(() => library.unwrap(status, "rows"), {
      message: `Cannot run rows: The tensor is not a living tensor (handle ${i + 7})`,
    });
  }
  assert.throws(() => library.unwrap(statuses[0] ?? 0, "rows"), {
    message: "Cannot run rows: Failed without a message",
  });
  library.unwrap(0, "rows");
});

Deno.test("createCpuBackend() refuses a number of threads that cannot be", () => {
  for (const threads of [0, -1, 1.5, NaN, 5000]) {
    assert.throws(() => createCpuBackend({ threads }), { code: "usage", message: /^Threads must/ });
  }
});

Deno.test("openBackend() falls back to the reference and says why", async (t) => {
  const read = "--allow-read";
  const ffi = "--allow-ffi=ffi/native/prebuilt,ffi/native/build";
  await t.step("with all it needs it takes the library", async () => {
    const found = await runChild("open_auto.ts", [read, ffi]) as Record<string, unknown>;
    if (found["name"] === "cuda") return; // a GPU answers
    assert.equal(found["name"], "cpu");
    assert.match(
      String(found["detail"]),
      /^(scalar|avx2|avx512\w*), \d+ threads?, (local|prebuilt)/i,
    );
  });
  await t.step("without permission to open libraries", async () => {
    const found = await runChild("open_auto.ts", [read]) as Record<string, unknown>;
    assert.equal(found["name"], "reference");
    assert.match(
      String(found["detail"]),
      /No permission to open native libraries: run with --allow-ffi/,
    );
    const [cuda, cpu, reference] = found["probes"] as Record<string, unknown>[];
    assert.deepEqual([cuda?.["name"], cuda?.["available"]], ["cuda", false]);
    assert.deepEqual([cpu?.["name"], cpu?.["available"]], ["cpu", false]);
    assert.deepEqual([reference?.["name"], reference?.["available"]], ["reference", true]);
  });
  await t.step("without permission to read", async () => {
    const found = await runChild("open_auto.ts", [ffi]) as Record<string, unknown>;
    assert.equal(found["name"], "reference");
    assert.match(String(found["detail"]), /No permission to read the native libraries/);
  });
});
