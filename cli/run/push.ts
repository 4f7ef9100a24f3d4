/**
 * `salient push`: a checkpoint goes to the hub.
 *
 * @module
 */

import { checkPush, type Inspection, inspectModel, modelCard } from "../../mod.ts";
import { readCard } from "../card_file.ts";
import { chooseBackend } from "../choose_backend.ts";
import type { PushArguments } from "../commands/push.ts";
import { openLocated } from "../open_located.ts";
import { printJson, printLine, printNotice } from "../output.ts";
import { pushCheckpoint } from "../push_checkpoint.ts";
import { VERSION } from "../version.ts";

/** Checks the token and the checkpoint, uploads, and prints where it is. */
export async function runPush(args: PushArguments, signal: AbortSignal): Promise<void> {
  const { path, id } = args;
  await checkPush(id, { private: args.private, signal, onNotice: printNotice });
  const found = await look(args);
  const card = await readCard(path) ?? plainCard(id, found);
  const report = await pushCheckpoint({ ...args, card, signal });
  if (args.json) return printJson(report);
  printLine(
    `${report.url}: ${report.files.length} files of ${path}, commit ${report.commit.slice(0, 12)}`,
  );
  if (report.removed.length > 0) {
    printLine(`removed there, being of an earlier push: ${report.removed.join(", ")}`);
  }
  if (report.leftOut.length > 0) {
    printLine(`left out, being no part of a model: ${report.leftOut.join(", ")}`);
  }
}

/** Opens the checkpoint, which checks that every tensor is there. */
async function look(args: PushArguments): Promise<Inspection> {
  using backend = await chooseBackend(args);
  using model = await openLocated(args.path, backend, args);
  return inspectModel(model);
}

/** A card for a checkpoint that has none: what can be seen of it, and nothing that was not measured. */
function plainCard(id: string, { format, bits, groupSize }: Inspection): string {
  const versions = { Salient: VERSION, Deno: Deno.version.deno };
  return modelCard({ id, format, bits, groupSize, versions });
}
