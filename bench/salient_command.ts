/**
 * Runs the command in a process of its own and watches its memory.
 *
 * @module
 */

/** The fields of `salient quantize --json` that are looked at. */
export interface CommandReport {
  /** Seconds for everything. */
  readonly seconds: number;
  /** Highest resident set, as the command itself reports it. */
  readonly peakRssBytes: number;
  /** Bytes of the checkpoint's tensors before and after. */
  readonly bytesBefore: number;
  /** Seconds for each stage. */
  readonly stages: Readonly<Record<string, number>>;
}

/** What a run of the command took. */
export interface CommandRun {
  /** Its own report. */
  readonly report: CommandReport;
  /** Seconds from start to end of the process. */
  readonly wallSeconds: number;
  /** Highest `VmHWM` of /proc that was seen, in bytes; 0 where there is no /proc. */
  readonly highWaterBytes: number;
}

const ROOT = new URL("../", import.meta.url).pathname;
const POLL_MS = 50;

async function highWater(pid: number): Promise<number> {
  try {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Runs `salient ARGS --json`; ends it after `seconds`. Throws with its own words where it fails. */
export async function runSalient(args: readonly string[], seconds: number): Promise<CommandRun> {
  const started = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      "--allow-write",
      "--allow-ffi=ffi/native/prebuilt,ffi/native/build",
      "main.ts",
      ...args,
      "--json",
    ],
    cwd: ROOT,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
  let highWaterBytes = 0;
  const poll = setInterval(async () => {
    highWaterBytes = Math.max(highWaterBytes, await highWater(child.pid));
  }, POLL_MS);
  const { success, stdout, stderr } = await child.output();
  clearInterval(poll);
  clearTimeout(timer);
  const wallSeconds = (performance.now() - started) / 1000;
  if (!success) {
    throw new Error(`salient failed: ${new TextDecoder().decode(stderr).trim().slice(-500)}`);
  }
  return { report: JSON.parse(new TextDecoder().decode(stdout)), wallSeconds, highWaterBytes };
}
