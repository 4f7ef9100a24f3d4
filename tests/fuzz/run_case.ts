/**
 * Runs a reader on one set of files and judges how it ends.
 *
 * @module
 */

import process from "node:process";
import type { Backend } from "../../core/backend.ts";
import { SalientError } from "../../core/errors.ts";
import type { Files, FuzzReader } from "./fuzz_reader.ts";

/** How a case ended; `fault` is what must not be. */
export type Outcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly text: string }
  | { readonly kind: "fault"; readonly text: string };

/** Seconds of the processor that a case of some kilobytes may take. */
const MOST_SECONDS = 5;
/** Bytes by which a case of some kilobytes may raise the highest resident set. */
const MOST_GROWTH = 256 * 2 ** 20;

/** Writes the files into a new directory. */
export async function writeCase(directory: string, files: Files): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  for (const [name, bytes] of files) await Deno.writeFile(`${directory}/${name}`, bytes);
}

/** Runs a reader on a directory: it must accept the files or refuse them in one line, and give all memory back. */
export async function runCase(
  reader: FuzzReader,
  directory: string,
  backend: Backend,
): Promise<Outcome> {
  const allocated = backend.allocatedBytes();
  const peak = backend.peakRssBytes();
  const start = seconds();
  let refusal: string | undefined;
  try {
    await reader.read(directory, backend);
  } catch (error) {
    const fault = judge(error);
    if (fault !== undefined) return { kind: "fault", text: fault };
    refusal = String(error);
  }
  const taken = seconds() - start;
  if (taken > MOST_SECONDS) return fault(`It takes ${taken.toFixed(1)} s`);
  const kept = backend.allocatedBytes() - allocated;
  if (kept !== 0) return fault(`${kept} bytes of tensors are not given back`);
  const growth = backend.peakRssBytes() - peak;
  if (growth > MOST_GROWTH) return fault(`It takes ${Math.round(growth / 2 ** 20)} MiB`);
  return refusal === undefined ? { kind: "accepted" } : { kind: "refused", text: refusal };
}

function fault(text: string): Outcome {
  return { kind: "fault", text };
}

/** What is wrong with an error, or undefined where it is a refusal as it should be. */
function judge(error: unknown): string | undefined {
  if (!(error instanceof SalientError)) {
    return error instanceof Error ? error.stack ?? String(error) : `It throws ${String(error)}`;
  }
  const { code, message } = error;
  if (code !== "input" && code !== "usage") return `Code ${code}: ${error.stack ?? message}`;
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(message)) return `More than a line: ${JSON.stringify(message)}`;
  return message.length > 2000
    ? `A line of ${message.length}: ${message.slice(0, 300)}`
    : undefined;
}

/** Processor time of this process: others may stop it for minutes. */
function seconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
