/**
 * Running compilers and what they make.
 *
 * @module
 */

import { NATIVE_ROOT } from "./build_plan.ts";

/** Runs a program in `ffi/native`; ends this one where it fails. */
export async function runTool(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const command = new Deno.Command(program, { args: [...args], cwd: NATIVE_ROOT, env });
  const { success } = await command.spawn().status;
  if (success) return;
  console.error(`Failed: ${program} ${args.join(" ")}`);
  Deno.exit(1);
}
