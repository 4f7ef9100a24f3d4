/**
 * Other programs, in processes of their own.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url);

/** Where peers are installed: by `deno task test:clients:install`, or for the benchmarks by `bench:peers:install`. */
const FOLDERS: readonly string[] = ["tests_clients/peers/", "bench/peers/"];
const FOLDER: string = FOLDERS.find((folder) => isThere(`${folder}node_modules/node-llama-cpp`)) ??
  FOLDERS[0] ?? "";

/** Where the npm packages of the peers are. */
export const PEERS = new URL(`${FOLDER}node_modules/`, ROOT);

function isThere(path: string): boolean {
  try {
    Deno.statSync(new URL(path, ROOT));
    return true;
  } catch {
    return false;
  }
}

/** Why a peer cannot be run; undefined where it is installed. */
export function missingPeer(name: string): string | undefined {
  if (isThere(`${FOLDER}node_modules/${name}`)) return undefined;
  return `${name} is not installed: deno task test:clients:install`;
}

const VENV = "tests_clients/peers/venv/bin/python";

/** The Python that is asked: `SALIENT_PYTHON`, else that of `deno task test:clients:install`, else `python3`. */
export const PYTHON: string = Deno.env.get("SALIENT_PYTHON") ??
  (isThere(VENV) ? new URL(VENV, ROOT).pathname : "python3");

/** Why a Python script cannot be run; undefined where the modules are there. */
export function missingPython(...modules: string[]): string | undefined {
  try {
    const { success } = new Deno.Command(PYTHON, {
      args: ["-c", modules.map((name) => `import ${name}`).join(";")],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    if (success) return undefined;
  } catch { /* there is no such program */ }
  return `${PYTHON} has no ${
    modules.join(", ")
  }: deno task test:clients:install, or set SALIENT_PYTHON`;
}

/** Runs a script of the peers' folder and parses the last line of what it prints. */
export async function runPeer<T>(script: string, request: object): Promise<T> {
  const args = ["run", "--config", `${FOLDER}peers.json`, "-A", script];
  return await run(Deno.execPath(), args, request);
}

/** Runs a Python script and parses the last line of what it prints. */
export async function runPython<T>(script: string, request: object): Promise<T> {
  return await run(PYTHON, [script], request);
}

async function run<T>(program: string, args: readonly string[], request: object): Promise<T> {
  await using child = new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(request)));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${args.at(-1)}: ${text.decode(stderr).slice(-2000)}`);
  return JSON.parse(text.decode(stdout).trimEnd().split("\n").at(-1) ?? "");
}

/** Declares a test that is skipped, with the reason in its name, where something is missing. */
export function clientTest(
  name: string,
  missing: string | undefined,
  fn: () => Promise<void>,
): void {
  const shown = missing === undefined ? name : `${name} (skipped: ${missing})`;
  Deno.test({ name: shown, ignore: missing !== undefined, fn });
}
