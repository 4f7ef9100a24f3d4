/**
 * Runs the command in a process of its own, as a user would.
 *
 * @module
 */

/** What a run of the command gave. */
export interface SalientRun {
  /** Exit status. */
  readonly status: number;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

const ROOT = new URL("../../", import.meta.url);

/** The command, ready to be started, with the permissions of its task. */
export function salientCommand(args: readonly string[], script = "main.ts"): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet", // a first run would tell of its downloads
      "--no-check",
      "--allow-read",
      "--allow-write",
      "--allow-ffi=ffi/native/prebuilt,ffi/native/build",
      script,
      ...args,
    ],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs it to its end. */
export async function runSalient(...args: string[]): Promise<SalientRun> {
  const { code, stdout, stderr } = await salientCommand(args).output();
  const decoder = new TextDecoder();
  return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
