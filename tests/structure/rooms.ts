/**
 * The rooms of the repository and who may import whom (the table of CONTRIBUTING.md).
 *
 * @module
 */

/** A room: a path prefix, and the prefixes that its files may import besides their own. */
export interface Room {
  /** Path prefix of its files, from the root of the repository. */
  readonly prefix: string;
  /** Prefixes that they may import by relative path. */
  readonly mayImport: readonly string[];
  /** Whether they may import packages. */
  readonly packages: boolean;
}

/** Every room, the first prefix that fits a file counts. */
export const ROOMS: readonly Room[] = [
  {
    prefix: "mod.ts",
    mayImport: ["core/", "ffi/", "plugins/"],
    packages: false,
  },
  { prefix: "main.ts", mayImport: ["cli/", "mod.ts"], packages: false },
  { prefix: "cli/", mayImport: ["cli/", "mod.ts", "deno.json"], packages: true },
  { prefix: "plugins/rtn/", mayImport: ["core/plugin.ts"], packages: false },
  { prefix: "plugins/awq/", mayImport: ["core/plugin.ts"], packages: false },
  { prefix: "plugins/gptq/", mayImport: ["core/plugin.ts"], packages: false },
  { prefix: "plugins/smoothquant/", mayImport: ["core/plugin.ts"], packages: false },
  { prefix: "core/", mayImport: ["core/"], packages: true },
  { prefix: "ffi/native/", mayImport: [], packages: false },
  { prefix: "ffi/", mayImport: ["core/backend.ts", "core/tensor.ts", "ffi/"], packages: false },
  { prefix: "bench/", mayImport: ["mod.ts", "ffi/cuda/", "bench/"], packages: true },
  { prefix: "examples/", mayImport: ["examples/"], packages: true },
];
