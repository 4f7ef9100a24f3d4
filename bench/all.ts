/**
 * The whole measurement, piece after piece, each in a process of its own with a limit of time. What a piece measured is
 * kept even when it fails, is ended or a peer is missing. Writes `results/<machine>.json` and `.md` after each piece.
 *
 *     deno task bench:all [--python PYTHON] [--resume] [--only a,b] [--skip a,b] [--minutes 12] [--out NAME]
 *                        [--tiny] [--alone]
 *
 * `--resume` leaves out pieces that are done at this commit. No piece runs past `--minutes` from the start; those that find
 * no time are left as they were. Other options go to the pieces.
 *
 * @module
 */

import { TextLineStream } from "./lines.ts";
import { describeMachine, machineSlug } from "./machine.ts";
import { type Piece, PIECES } from "./pieces.ts";
import { readItems, type Results, toMarkdown } from "./results.ts";

const FOLDER = new URL("./", import.meta.url).pathname;

interface Options {
  readonly resume: boolean;
  readonly only: readonly string[];
  readonly skip: readonly string[];
  readonly out: string | undefined;
  /** Seconds for everything. */
  readonly seconds: number;
  /** For the pieces. */
  readonly rest: readonly string[];
}

function readArguments(args: readonly string[]): Options {
  const rest: string[] = [];
  const found = new Map<string, string>();
  let resume = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--resume") resume = true;
    else if (["--only", "--skip", "--out", "--minutes"].includes(arg)) {
      found.set(arg, args[++i] ?? "");
    } else rest.push(arg);
  }
  const list = (name: string): string[] => found.get(name)?.split(",") ?? [];
  const [only, skip] = [list("--only"), list("--skip")];
  const names = PIECES.map(({ name }) => name);
  const wrong = [...only, ...skip].find((name) => !names.includes(name));
  if (wrong !== undefined) throw new Error(`There is no piece ${wrong}: use ${names.join(", ")}`);
  const seconds = 60 * Number(found.get("--minutes") ?? 12);
  if (!(seconds > 0)) throw new Error("Option --minutes must be above 0");
  return { resume, only, skip, out: found.get("--out"), seconds, rest };
}

/** Runs one piece; its lines are kept as they come. */
async function runPiece(
  piece: Piece,
  limitSeconds: number,
  rest: readonly string[],
): Promise<{ status: string; lines: string[] }> {
  const temporary = await Deno.makeTempDir({ prefix: "salient-bench-all-" });
  const lines: string[] = [];
  let late = false;
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "-A", `${FOLDER}${piece.file}`, ...piece.args, ...rest],
      cwd: `${FOLDER}..`,
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
      env: { TMPDIR: temporary },
      detached: true,
    }).spawn();
    // The piece leads a group of processes: all end with it, also those it started itself.
    const endGroup = (): void => {
      try {
        Deno.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    };
    const interrupted = (): void => {
      endGroup();
      Deno.removeSync(temporary, { recursive: true });
      Deno.exit(130);
    };
    Deno.addSignalListener("SIGINT", interrupted);
    const timer = setTimeout(() => {
      late = true;
      endGroup();
    }, limitSeconds * 1000);
    const output = child.stdout
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    const reading = (async () => {
      for await (const line of output) lines.push(line);
    })();
    const { code } = await child.status;
    clearTimeout(timer);
    endGroup();
    Deno.removeSignalListener("SIGINT", interrupted);
    await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 1000))]);
    const status = late
      ? `ended after ${limitSeconds.toFixed(0)} s`
      : code === 0
      ? "done"
      : `failed with status ${code}`;
    return { status, lines };
  } finally {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
  }
}

async function readResults(path: string): Promise<Results["pieces"]> {
  try {
    return JSON.parse(await Deno.readTextFile(path)).pieces;
  } catch {
    return {};
  }
}

const options = readArguments(Deno.args);
const machine = await describeMachine();
const base = `${FOLDER}results/${options.out ?? machineSlug(machine)}`;
await Deno.mkdir(`${FOLDER}results`, { recursive: true });
const results: Results = { machine, pieces: await readResults(`${base}.json`) };
const started = performance.now();
for (const piece of PIECES) {
  const { name } = piece;
  const before = results.pieces[name];
  if (options.only.length > 0 && !options.only.includes(name)) continue;
  if (options.skip.includes(name)) continue;
  if (options.resume && before?.status === "done" && before.commit === machine.commit) continue;
  const begun = performance.now();
  const left = options.seconds - (begun - started) / 1000;
  if (left < 5) {
    console.error(`== ${name} is left out: no time is left (run again with --resume)`);
    continue;
  }
  console.error(`== ${name} (${((begun - started) / 1000).toFixed(0)} s so far)`);
  const { status, lines } = await runPiece(piece, Math.min(piece.limitSeconds, left), options.rest);
  results.pieces[name] = {
    status,
    commit: machine.commit,
    finished: new Date().toISOString(),
    seconds: (performance.now() - begun) / 1000,
    command: `deno task bench:all --only ${name}`,
    ...readItems(lines),
  };
  if (status !== "done") console.error(`   ${name}: ${status}`);
  await Deno.writeTextFile(`${base}.json`, JSON.stringify(results, null, 2) + "\n");
  await Deno.writeTextFile(`${base}.md`, toMarkdown(results));
}
console.error(`== done in ${((performance.now() - started) / 1000).toFixed(0)} s: ${base}.md`);
Deno.exit(0);
