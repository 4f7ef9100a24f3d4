import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);

function* files(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = folder + entry.name;
    if (entry.isDirectory) {
      if (
        !["node_modules", "venv", "build", ".git", "models", "prebuilt", "fixtures"].includes(
          entry.name,
        )
      ) {
        yield* files(path + "/");
      }
    } else if (entry.isFile) yield path;
  }
}

Deno.test("a source file can be read in one sitting", () => {
  const long = [...files("")]
    .filter((path) => /\.(ts|cpp|h|cu)$/.test(path))
    .map((path) => ({
      path,
      lines: Deno.readTextFileSync(new URL(path, ROOT)).split("\n").length,
    }))
    .filter(({ path, lines }) => lines > (path.endsWith(".ts") ? 350 : 450));
  assert.deepEqual(long, []);
});

Deno.test("no file is a grab bag", () => {
  const names = [...files("")].filter((path) => /(^|\/)(utils?|misc|common)(\/|\.|_)/.test(path));
  assert.deepEqual(names, []);
});
