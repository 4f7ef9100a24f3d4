/**
 * Writes the Markdown of every file of results, and all of it into `README.md` between its two marks, so that no number
 * there is typed by hand.
 *
 *     deno task bench:tables
 *
 * @module
 */

import { type Results, toMarkdown } from "./results.ts";

/** Where the tables begin in the README. */
const BEGIN = "<!-- tables begin: written by `deno task bench:tables` -->";
/** Where they end. */
const END = "<!-- tables end -->";

/** The README with `tables` between its marks. Throws where a mark is missing. */
export function withTables(readme: string, tables: string): string {
  const from = readme.indexOf(BEGIN);
  const to = readme.indexOf(END);
  if (from < 0 || to < from) throw new Error("The README has no place for the tables");
  return `${readme.slice(0, from + BEGIN.length)}\n\n${tables.trim()}\n\n${readme.slice(to)}`;
}

function isOfMachine(results: Partial<Results>): results is Results {
  return results.machine !== undefined && results.pieces !== undefined;
}

async function main(): Promise<void> {
  const folder = new URL("./", import.meta.url);
  const names = [...Deno.readDirSync(new URL("results/", folder))]
    .map(({ name }) => name).filter((name) => name.endsWith(".json")).sort();
  const all: string[] = [];
  for (const name of names) {
    const path = new URL(`results/${name}`, folder);
    const results: Partial<Results> = JSON.parse(await Deno.readTextFile(path));
    if (!isOfMachine(results)) continue; // the salience study's, which has a page of its own
    const markdown = toMarkdown(results);
    await Deno.writeTextFile(new URL(name.replace(/json$/, "md"), path), markdown);
    all.push(markdown);
  }
  const readme = new URL("README.md", folder);
  await Deno.writeTextFile(readme, withTables(await Deno.readTextFile(readme), all.join("\n")));
}

if (import.meta.main) await main();
