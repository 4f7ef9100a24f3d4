/**
 * Ours and the peers on the works of a group.
 *
 *     deno task bench:peers [--group products|vectors|prefill|gram] [--python PYTHON] [--tiny] ...
 *
 * @module
 */

import type { ChildOptions } from "./child.ts";
import { compare, filesIn, start } from "./compare_works.ts";
import { int4Peers, ours, torch } from "./contestants.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { COMPARED, shrink } from "./shapes.ts";

/** Who ours is compared with on a group of works. */
function peersOf(group: string, options: BenchOptions): ChildOptions[] {
  if (group === "products" || group === "gram") return options.alone ? [] : [torch(options)];
  return [ours(options, "bf16"), ...(options.alone ? [] : int4Peers(options))];
}

const options = readOptions(Deno.args);
const folder = await Deno.makeTempDir({ prefix: "salient-bench-" });
try {
  const files = filesIn(folder);
  for (const [group, works] of Object.entries(COMPARED)) {
    if (!group.includes(options.group)) continue;
    await using running = new AsyncDisposableStack();
    const children = await start([ours(options), ...peersOf(group, options)], running);
    for (const work of works) {
      await compare(options.tiny ? shrink(work) : work, children, files, options);
    }
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
