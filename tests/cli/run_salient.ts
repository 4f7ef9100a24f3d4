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

/** How the command is started. */
export interface SalientOptions {
  /** Its task, which says what it may do. */
  readonly task?: "salient" | "salient:hub";
  /** More flags of Deno, such as permissions. */
  readonly flags?: readonly string[];
  /** Variables of the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The flags of a task of deno.json. */
export function taskFlags(task: string): readonly string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT)));
  const words: string[] = tasks[task].command.split(" ");
  return words.filter((word) => word.startsWith("--"));
}

/** The command, ready to be started, with the permissions of its task. */
export function salientCommand(
  args: readonly string[],
  script = "main.ts",
  { task = "salient", flags = [], env = {} }: SalientOptions = {},
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet", // a first run would tell of its downloads
      "--no-check",
      ...taskFlags(task),
      ...flags,
      script,
      ...args,
    ],
    cwd: ROOT,
    // A developer's own cache is left alone.
    env: { HF_HUB_CACHE: "", HUGGINGFACE_HUB_CACHE: "", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs it to its end. */
export async function runSalient(...args: string[]): Promise<SalientRun> {
  return await runSalientWith({}, ...args);
}

/** Runs it to its end, started in another way. */
export async function runSalientWith(
  options: SalientOptions,
  ...args: string[]
): Promise<SalientRun> {
  const { code, stdout, stderr } = await salientCommand(args, "main.ts", options).output();
  const decoder = new TextDecoder();
  return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
