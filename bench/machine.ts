/**
 * What the measurements were made on.
 *
 * @module
 */

/** The machine and the versions. */
export interface Machine {
  /** Model of the processor. */
  readonly processor: string;
  /** Instructions that the kernels ask for, as far as /proc/cpuinfo names them. */
  readonly instructions: string;
  /** Processors that the system shows. */
  readonly cores: number;
  /** Memory in GiB. */
  readonly memoryGiB: number;
  /** System and kernel. */
  readonly system: string;
  /** Version of Deno. */
  readonly deno: string;
  /** Commit of this repository, with a mark where files were changed since. */
  readonly commit: string;
}

const ASKED = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "avx_vnni"];

async function output(program: string, ...args: string[]): Promise<string> {
  try {
    const { success, stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : "";
  } catch {
    return "";
  }
}

/** Describes this machine. */
export async function describeMachine(): Promise<Machine> {
  const info = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  const field = (name: string): string =>
    new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(info)?.[1] ?? "";
  const flags = new Set(field("flags").split(" "));
  const changed = await output("git", "status", "--porcelain", "--untracked-files=no");
  const commit = await output("git", "rev-parse", "--short", "HEAD");
  return {
    processor: field("model name") || "unknown",
    instructions: ASKED.filter((flag) => flags.has(flag)).join(" "),
    cores: navigator.hardwareConcurrency,
    memoryGiB: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    system: `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}`,
    deno: Deno.version.deno,
    commit: commit + (changed === "" ? "" : " and changes"),
  };
}

/** A file name for the machine's results: `cpu-amd-epyc-2`. */
export function machineSlug({ processor, cores }: Machine): string {
  const words = processor.toLowerCase().replaceAll(/\((r|tm)\)/g, "").replaceAll(
    /[^a-z0-9]+/g,
    "-",
  );
  return `cpu-${words.replaceAll(/^-|-$/g, "")}-${cores}`;
}
