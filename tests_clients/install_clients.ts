/**
 * Installs the programs that `deno task test:clients` shows our files to, into `tests_clients/peers`:
 *
 *     deno task test:clients:install
 *
 * npm packages (370 MB) where npm is there, and a Python environment where `python3 -m venv` is. What cannot be
 * installed, or not within its time, is left out with the reason, and its tests are skipped; it is no failure. `SALIENT_CLIENTS=0`
 * leaves out everything, and `SALIENT_PYTHON`, the Python to use, the environment.
 *
 * @module
 */

const FOLDER = new URL("peers/", import.meta.url).pathname;
const PYTHON = `${FOLDER}venv/bin/python`;
/** Seconds that each may take: more is not worth it for every change. */
const LIMIT = Number(Deno.env.get("SALIENT_CLIENTS_LIMIT") ?? 180);

if (Deno.env.get("SALIENT_CLIENTS") === "0") {
  console.log("clients: nothing is installed, SALIENT_CLIENTS is 0");
} else {
  await install("npm packages", `${FOLDER}node_modules`, () =>
    run("npm", [
      "install",
      "--omit=optional",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--no-package-lock",
      "--silent",
    ]));
  if (Deno.env.get("SALIENT_PYTHON") !== undefined) {
    console.log("clients: SALIENT_PYTHON is used, no Python environment is made");
  } else {
    await install("Python environment", `${FOLDER}venv`, async () => {
      const pip = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:"];
      return await run("python3", ["-m", "venv", "venv"]) ??
        await run(PYTHON, [...pip, "-r", "requirements.txt"]);
    });
  }
}

/** Makes a folder, unless it is there; what is left half made is removed. */
async function install(
  what: string,
  folder: string,
  work: () => Promise<string | undefined>,
): Promise<void> {
  if (await exists(`${folder}/.complete`)) return console.log(`clients: ${what}: there already`);
  const start = performance.now();
  const fault = await work();
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  if (fault === undefined) {
    await Deno.writeTextFile(`${folder}/.complete`, "");
    return console.log(`clients: ${what}: installed in ${seconds} s`);
  }
  if (await exists(folder)) await Deno.remove(folder, { recursive: true });
  console.log(`clients: ${what}: left out after ${seconds} s, ${fault}`);
}

/** Runs a program in the folder. Says why it did not succeed. */
async function run(program: string, args: readonly string[]): Promise<string | undefined> {
  const signal = AbortSignal.timeout(LIMIT * 1000);
  try {
    const command = new Deno.Command(program, {
      args: [...args],
      cwd: FOLDER,
      signal,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    });
    const { success, stderr } = await command.output();
    if (success) return undefined;
    if (signal.aborted) return `${program} took more than ${LIMIT} s`;
    const last = new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "";
    return `${program} failed: ${last.slice(0, 200)}`;
  } catch (cause) {
    return cause instanceof Deno.errors.NotFound ? `there is no ${program}` : String(cause);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
