/**
 * Compiles what is newer than its object, for the scripts that build and test the native libraries.
 *
 * @module
 */

import { NATIVE_ROOT } from "./build_plan.ts";
import { modified } from "./modified.ts";
import { runTool } from "./run_tool.ts";

/** Compilers at work at the same time. */
const JOBS = 2;

/** When a source or a header that it includes was changed last, by what the compiler wrote beside the object. */
function changed(source: string, object: string): number {
  const own = Math.max(modified(source), modified("cuda_plan.ts"));
  try {
    const text = Deno.readTextFileSync(new URL(`${object}.d`, NATIVE_ROOT));
    const paths = text.slice(text.indexOf(":") + 1).split(/[\s\\]+/);
    const mine = paths.filter((path) => path !== "" && !path.startsWith("/"));
    return Math.max(own, ...mine.map((path) => modified(path) || Infinity));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return Infinity;
    throw error;
  }
}

/** What to compile, and how. */
export interface SourceSet {
  /** Paths below `ffi/native`; headers among them are left out. */
  readonly files: readonly string[];
  /** Where objects go, below `ffi/native`. */
  readonly folder: string;
  /** How an object's name ends. Default: `.o`. */
  readonly ending?: string;
  /** The command for a source, without its output; `-c` included where it is wanted. */
  readonly command: (source: string) => readonly string[];
  /** Whether what a compiler says is kept beside the object, ending in `.txt`, instead of shown. */
  readonly reports?: boolean;
}

/** Runs a compiler and keeps what it says in a file; shows it and ends this program where it fails. */
async function runQuietly(program: string, args: readonly string[], report: string): Promise<void> {
  const command = new Deno.Command(program, { args: [...args], cwd: NATIVE_ROOT });
  const { success, stderr } = await command.output();
  Deno.writeFileSync(new URL(report, NATIVE_ROOT), stderr);
  if (success) return;
  console.error(new TextDecoder().decode(stderr));
  console.error(`Failed: ${program} ${args.join(" ")}`);
  Deno.exit(1);
}

/** Compiles what is newer than its object, two at a time; returns the objects. */
export async function compileSources(set: SourceSet): Promise<string[]> {
  const { files, folder, command } = set;
  Deno.mkdirSync(new URL(`${folder}/`, NATIVE_ROOT), { recursive: true });
  const sources = files.filter((path) => !path.endsWith(".h"));
  const objectOf = (source: string) =>
    `${folder}/${source.replaceAll("/", "-")}${set.ending ?? ".o"}`;
  const stale = sources.filter((source) =>
    modified(objectOf(source)) <= changed(source, objectOf(source)) ||
    (set.reports === true && modified(`${objectOf(source)}.txt`) === 0)
  );
  async function work(): Promise<void> {
    for (let source = stale.shift(); source !== undefined; source = stale.shift()) {
      const [program = "", ...args] = command(source);
      const object = objectOf(source);
      const all = [...args, "-MMD", "-MF", `${object}.d`, source, "-o", object];
      if (set.reports === true) await runQuietly(program, all, `${object}.txt`);
      else await runTool(program, all);
    }
  }
  await Promise.all(Array.from({ length: JOBS }, work));
  return sources.map(objectOf);
}
