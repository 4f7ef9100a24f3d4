import assert from "node:assert/strict";
import { ROOMS } from "./rooms.ts";

const ROOT = new URL("../../", import.meta.url);

/** TypeScript files below a folder, as paths from the root. */
function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = folder + entry.name;
    if (
      entry.isDirectory && !["node_modules", "venv", "build", ".git", "models"].includes(entry.name)
    ) {
      yield* sources(path + "/");
    } else if (entry.isFile && path.endsWith(".ts")) yield path;
  }
}

/** What a file imports, as written; comments, examples inside them and sources in texts do not count. */
function imports(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "")
    .replaceAll(/`(?:\\[\s\S]|[^`\\])*`/g, "``");
  const pattern =
    /(?:^|[\s;])(?:import|export)\s(?:[^"'`;]*?\sfrom\s)?["']([^"']+)["']|import\(\s*["']([^"']+)["']/g;
  return [...code.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? "");
}

/** Why an import is not allowed, or undefined. */
export function violation(file: string, specifier: string): string | undefined {
  const room = ROOMS.find((room) => file.startsWith(room.prefix));
  if (room === undefined) return undefined;
  if (!specifier.startsWith(".")) {
    if (specifier.startsWith("node:") || specifier.startsWith("@salient/quant")) {
      return file.startsWith("examples/") || specifier.startsWith("node:")
        ? undefined
        : `${file} imports ${specifier}: inside the package import by path`;
    }
    return room.packages ? undefined : `${file} imports the package ${specifier}`;
  }
  const target = new URL(specifier, new URL(file, ROOT)).href.slice(ROOT.href.length);
  const allowed = target.startsWith(room.prefix) ||
    room.mayImport.some((prefix) => target.startsWith(prefix));
  return allowed ? undefined : `${file} imports ${target}: not in the table of rooms`;
}

Deno.test("every import is one that the table of rooms allows", () => {
  const found: string[] = [];
  let count = 0;
  for (const file of sources("")) {
    if (file.startsWith("tests/") || file.startsWith("tests_shared/")) continue;
    for (const specifier of imports(Deno.readTextFileSync(new URL(file, ROOT)))) {
      count++;
      const text = violation(file, specifier);
      if (text !== undefined) found.push(text);
    }
  }
  assert.deepEqual(found, []);
  assert.ok(count > 50, `only ${count} imports seen`);
});

Deno.test("the check of imports sees what it should refuse", () => {
  assert.ok(violation("core/pipeline/quantize.ts", "../../ffi/symbols.ts"));
  assert.ok(violation("plugins/awq/mod.ts", "../../core/backend.ts"));
  assert.ok(violation("plugins/awq/mod.ts", "../rtn/mod.ts"));
  assert.ok(violation("ffi/cpu/cpu_backend.ts", "../../core/errors.ts"));
  assert.ok(violation("cli/main.ts", "../core/errors.ts"));
  assert.ok(violation("plugins/rtn/mod.ts", "valibot"));
  assert.equal(violation("plugins/rtn/mod.ts", "../../core/plugin.ts"), undefined);
  assert.deepEqual(imports('import { a } from "./a.ts";\nexport * from "./b.ts";\nimport "x";'), [
    "./a.ts",
    "./b.ts",
    "x",
  ]);
  assert.deepEqual(imports('/** import { a } from "./doc.ts"; */\nawait import("./c.ts")'), [
    "./c.ts",
  ]);
  assert.deepEqual(imports('import "./a.ts";\nconst text = `import "./b.ts";\n\\``;'), ["./a.ts"]);
});
