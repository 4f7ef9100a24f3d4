/**
 * The files of a new plugin.
 *
 * @module
 */

import { VERSION } from "../version.ts";
import { pluginModule } from "./plugin_module.ts";
import { pluginReadme } from "./plugin_readme.ts";
import { pluginTest } from "./plugin_test_module.ts";

/**
 * Names and texts of the files of a plugin that works as it is.
 *
 * @param name Its name, lower case with hyphens.
 * @param checkout Path of a checkout of Salient to take the library from; undefined takes the published one.
 */
export function pluginFiles(
  name: string,
  checkout: string | undefined,
): Readonly<Record<string, string>> {
  return {
    "deno.json": pluginConfig(name, checkout),
    "mod.ts": pluginModule(name),
    "mod_test.ts": pluginTest(name),
    "README.md": pluginReadme(name),
  };
}

function pluginConfig(name: string, checkout: string | undefined): string {
  const [major, minor] = VERSION.split(".");
  const range = `^${major}.${minor}.0`;
  const config = {
    name: `@your-scope/${name}`,
    version: "0.1.0",
    exports: "./mod.ts",
    imports: { "@salient/quant": `jsr:@salient/quant@${range}` },
    ...(checkout === undefined ? {} : { links: [checkout] }),
    tasks: {
      test: "deno test --allow-read --allow-write --allow-ffi",
      salient: "deno run --allow-read --allow-write --allow-ffi jsr:@salient/quant@" +
        `${range}/cli`,
    },
    fmt: { lineWidth: 100 },
  };
  return JSON.stringify(config, null, 2) + "\n";
}
