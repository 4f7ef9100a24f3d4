/**
 * Fuzzes in a process of its own, which may crash or hang.
 *
 * @module
 */

import { type FoundFault, type FuzzJob, packFiles, type ReaderReport } from "./fuzz_job.ts";
import { filesOf } from "./fuzz_reader.ts";

/** Seconds of the processor after which a case hangs, and those of the clock where `ps` is missing. */
const MOST_SECONDS = 30;
const MOST_CLOCK_SECONDS = 600;
/** Milliseconds between two looks. */
const LOOK = 1000;

/** What fuzzing gave. */
export interface FuzzResult {
  /** One for each reader that came to its end. */
  readonly reports: readonly ReaderReport[];
  /** Everything that went wrong. */
  readonly faults: readonly FoundFault[];
}

/**
 * Fuzzes readers for some seconds each. A reader during which the process dies is left, and the next one begun in a new
 * process.
 */
export async function fuzzReaders(
  job: Omit<FuzzJob, "work">,
  onReport: (report: ReaderReport) => void = () => {},
): Promise<FuzzResult> {
  const reports: ReaderReport[] = [];
  const faults: FoundFault[] = [];
  let left = job.readers;
  while (left.length > 0) {
    const work = await Deno.makeTempDir({ prefix: "salient-fuzz-" });
    try {
      const died = await runChild({ ...job, readers: left, work }, faults, (report) => {
        reports.push(report);
        left = left.filter((name) => name !== report.reader);
        onReport(report);
      });
      if (died === undefined) break;
      faults.push(died);
      left = left.filter((name) => name !== died.reader);
    } finally {
      await Deno.remove(work, { recursive: true });
    }
  }
  return { reports, faults };
}

/** Runs one child; what killed it, or undefined. */
async function runChild(
  job: FuzzJob,
  faults: FoundFault[],
  onReport: (report: ReaderReport) => void,
): Promise<FoundFault | undefined> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "--v8-flags=--expose-gc",
      "--allow-read",
      "--allow-write",
      "--allow-ffi=ffi/native/prebuilt,ffi/native/build",
      new URL("child.ts", import.meta.url).href,
      JSON.stringify(job),
    ],
    cwd: new URL("../../", import.meta.url),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let hangs = "";
  const watch = new Watch(child, job.work, (text) => hangs = text);
  const [lines, errors, status] = await Promise.all([
    readLines(child.stdout, (line) => {
      const { fault, done } = JSON.parse(line) as { fault?: FoundFault; done?: ReaderReport };
      if (fault !== undefined) faults.push(fault);
      if (done !== undefined) onReport(done);
    }),
    new Response(child.stderr).text(),
    child.status,
  ]);
  watch.end();
  if (status.success) return undefined;
  const journal = await Deno.readTextFile(`${job.work}/journal`).catch(() => "");
  const [reader = "", number = ""] = journal.split(" ");
  const how = hangs === "" ? `The process ends with ${status.signal ?? status.code}` : hangs;
  return {
    reader: reader === "" ? job.readers[lines] ?? "" : reader,
    seed: job.seed,
    case: Number(number),
    text: `${how}: ${errors.slice(-2000)}`,
    files: packFiles(await filesOf(`${job.work}/case`).catch(() => new Map())),
  };
}

/** Kills a child that stays on one case for too long. */
class Watch {
  readonly #timer: ReturnType<typeof setInterval>;
  #case = "";
  #since = { processor: 0, clock: 0 };
  #looking: Promise<void> = Promise.resolve();

  constructor(child: Deno.ChildProcess, work: string, onHang: (text: string) => void) {
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look(child, work, onHang)).catch(() => {});
    }, LOOK);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  async #look(
    child: Deno.ChildProcess,
    work: string,
    onHang: (text: string) => void,
  ): Promise<void> {
    const found = await Deno.readTextFile(`${work}/journal`).catch(() => "");
    const clock = performance.now() / 1000;
    const processor = await processorSeconds(child.pid);
    if (found !== this.#case || this.#since.clock === 0) {
      this.#case = found;
      this.#since = { processor: processor ?? 0, clock };
      return;
    }
    const taken = (processor ?? 0) - this.#since.processor;
    const stuck = clock - this.#since.clock > MOST_CLOCK_SECONDS;
    if (taken < MOST_SECONDS && !stuck) return;
    onHang(`The case does not end in ${stuck ? `${MOST_CLOCK_SECONDS} s` : `${taken} s of work`}`);
    child.kill("SIGKILL");
  }
}

/** Processor time of a process; it may have been stopped for minutes by others. */
async function processorSeconds(pid: number): Promise<number | undefined> {
  try {
    const { stdout } = await new Deno.Command("ps", { args: ["-o", "cputimes=", "-p", `${pid}`] })
      .output();
    const text = new TextDecoder().decode(stdout).trim();
    return text === "" ? undefined : Number(text);
  } catch {
    return undefined;
  }
}

/** Gives every line to `use`; how many there were. */
async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  use: (line: string) => void,
): Promise<number> {
  let [rest, count] = ["", 0];
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) use(line);
    count += lines.length;
  }
  return count;
}
