/**
 * Fuzzes what a cache of the hub has stored.
 *
 * @module
 */

import { CacheLayout } from "../../../core/hub/cache_layout.ts";
import { cachedSnapshot } from "../../../core/hub/cached_snapshot.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { type Files, filesOf, type FuzzReader } from "../fuzz_reader.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const HASH = "a".repeat(40);

/** A snapshot with the list of its files and the branch that leads to it; those that are missing are looked for. */
export const hubCacheReader: FuzzReader = {
  name: "hub-cache",
  async corpus(folder) {
    await writeTinyModel(folder, { ...TINY_LLAMA, num_hidden_layers: 1 });
    const files = new Map(await filesOf(folder));
    const listed = [...files].map(([name, { length }]) =>
      [name, { size: length, blob_id: HASH, lfs_sha256: null }] as const
    );
    const tree = { format_version: 1, files: Object.fromEntries(listed) };
    files.set("tree.json", new TextEncoder().encode(JSON.stringify(tree)));
    files.set("ref", new TextEncoder().encode(COMMIT));
    return [files satisfies Files];
  },
  async read(directory, backend) {
    const layout = new CacheLayout(directory, "org/name");
    const snapshot = layout.snapshot(COMMIT);
    for (const part of [`${layout.folder}/refs`, `${layout.folder}/trees`, snapshot]) {
      await Deno.mkdir(part, { recursive: true });
    }
    for (const name of (await filesOf(directory)).keys()) {
      const target = name === "ref"
        ? `${layout.folder}/refs/main`
        : name === "tree.json"
        ? layout.tree(COMMIT)
        : `${snapshot}/${name}`;
      await Deno.rename(`${directory}/${name}`, target);
    }
    const model = { id: "org/name", revision: "main" };
    const found = await cachedSnapshot(layout, model, "https://example.invalid");
    if (found === undefined || found.missing !== undefined) return;
    using _model = await openModel(found.directory, backend);
  },
};
