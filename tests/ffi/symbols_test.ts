import assert from "node:assert/strict";
import { ABI_VERSION, SYMBOLS } from "../../ffi/symbols.ts";
import { abiVersion } from "../../ffi/native/build_plan.ts";

const HEADER = Deno.readTextFileSync(new URL("../../ffi/native/salient.h", import.meta.url));

/** The type that Deno calls a C declaration. */
function foreignType(declaration: string): string {
  if (declaration.includes("*")) return "buffer";
  const match = /\b(u?)int(32|64)_t\b/.exec(declaration);
  assert.ok(match, declaration);
  return `${match[1] === "u" ? "u" : "i"}${match[2]}`;
}

Deno.test("SYMBOLS declares every function of salient.h as the header does", () => {
  const code = HEADER.replaceAll(/\/\*[\s\S]*?\*\//g, "");
  const found = [...code.matchAll(/SALIENT_API (\w+) (salient_\w+)\(([^)]*)\);/g)];
  assert.ok(found.length > 40);
  const declared = Object.fromEntries(
    Object.entries(SYMBOLS).filter(([name]) => !name.endsWith("_elsewhere")),
  );
  assert.deepEqual(found.map((match) => match[2]).sort(), Object.keys(declared).sort());
  for (const [, result = "", name = "", list = ""] of found) {
    const parameters = list.trim() === "void" ? [] : list.split(",").map(foreignType);
    assert.deepEqual([...declared[name]!.parameters], parameters, name);
    assert.equal(declared[name]!.result, foreignType(result), name);
  }
});

Deno.test("SYMBOLS has a twin on another thread for each long function", () => {
  const twins = Object.entries(SYMBOLS).filter(([name]) => name.endsWith("_elsewhere"));
  assert.ok(twins.length > 25);
  for (const [name, symbol] of twins) {
    const original = name.replace(/_elsewhere$/, "");
    assert.ok(original in SYMBOLS);
    assert.equal("name" in symbol && symbol.name, original);
    assert.equal("nonblocking" in symbol && symbol.nonblocking, true);
  }
});

Deno.test("ABI_VERSION is the header's", () => {
  assert.equal(ABI_VERSION, abiVersion());
});
