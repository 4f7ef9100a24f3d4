/**
 * Runs a script of this folder in a process of its own.
 *
 * @module
 */

import assert from "node:assert/strict";

const ROOT = new URL("../../../", import.meta.url);

/** What the script printed, as JSON. `flags` are those of `deno run`, `env` is added to the environment. */
export async function runChild(
  script: string,
  flags: readonly string[],
  env: Record<string, string> = {},
): Promise<unknown> {
  const path = new URL(script, import.meta.url).pathname;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", ...flags, path],
    cwd: ROOT,
    env,
  });
  const { stdout, stderr, success } = await command.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}
