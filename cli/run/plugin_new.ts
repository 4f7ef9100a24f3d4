/**
 * `salient plugin new`: a plugin to start from.
 *
 * @module
 */

import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SalientError } from "../../mod.ts";
import type { PluginNewArguments } from "../commands/plugin.ts";
import { printJson, printLine } from "../output.ts";
import { pluginFiles } from "../scaffold/plugin_files.ts";

/** Names that are taken, or that no file can have. */
const TAKEN = ["rtn", "awq", "gptq", "smoothquant", "con", "nul", "aux", "prn"];

/** Writes the files under a temporary name first, so that what exists is whole. */
export async function runPluginNew(args: PluginNewArguments): Promise<void> {
  const { name } = args;
  if (!/^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/.test(name) || name.length > 64) {
    throw new SalientError(
      "usage",
      `Plugin name ${name} cannot be used: take lower case letters, digits and hyphens, as my-rounding`,
    );
  }
  if (TAKEN.includes(name)) {
    throw new SalientError("usage", `Plugin name ${name} is taken: choose another`);
  }
  const out = resolve(Deno.cwd(), args.out ?? name);
  const shown = args.out ?? name;
  if (await Deno.lstat(out).then(() => true, () => false)) {
    throw new SalientError("input", `${shown} exists: choose another --out or remove it`, {
      file: shown,
    });
  }
  const files = pluginFiles(name, checkoutFrom(out));
  const temporary = `${out}.partial-${crypto.randomUUID().slice(0, 8)}`;
  try {
    await Deno.mkdir(temporary, { recursive: true });
    for (const [file, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${temporary}/${file}`, text);
    }
    await Deno.rename(temporary, out);
  } catch (cause) {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SalientError("disk", `${shown} cannot be written: ${why}`, { file: shown, cause });
  }
  if (args.json) return printJson({ name, out: shown, files: Object.keys(files) });
  printLine(`${shown}: ${Object.keys(files).join(", ")}`);
  printLine(`next: cd ${shown} && deno task test`);
}

/** The way from a directory to the checkout that this runs from; undefined if it runs from a package. */
function checkoutFrom(directory: string): string | undefined {
  if (!import.meta.url.startsWith("file:")) return undefined;
  return relative(directory, fileURLToPath(new URL("../../", import.meta.url)))
    .replaceAll("\\", "/") || ".";
}
