/**
 * `salient inspect`: what a checkpoint is.
 *
 * @module
 */

import { inspectModel, lintModel } from "../../mod.ts";
import { chooseBackend } from "../choose_backend.ts";
import type { InspectArguments } from "../commands/inspect.ts";
import { formatBytes } from "../format.ts";
import { locateModel } from "../locate_model.ts";
import { openLocated } from "../open_located.ts";
import { printJson, printLine } from "../output.ts";
import { formatTable } from "../table.ts";
import { printLint } from "./lint.ts";
import { checkSalienceOptions, findSalience, printSalience } from "./salience.ts";

/** Prints a checkpoint's format and sizes, and the channels that matter most if they were asked for. */
export async function runInspect(args: InspectArguments, signal: AbortSignal): Promise<void> {
  checkSalienceOptions(args);
  using backend = await chooseBackend(args);
  const { path, fields } = await locateModel(args, signal);
  using model = await openLocated(path, backend, args);
  const found = inspectModel(model);
  const salience = args.salience ? await findSalience(args, path, model, signal) : undefined;
  const lint = args.target === undefined ? undefined : lintModel(model, args.target);
  if (args.json) {
    const more = {
      ...(salience === undefined ? {} : { salience }),
      ...(lint === undefined ? {} : { lint }),
    };
    return printJson({ ...found, ...fields, ...more });
  }
  const rounded = found.linears.find(({ activation }) => activation !== null)?.activation;
  const activations = rounded === undefined || rounded === null
    ? ""
    : `, activations in ${rounded.bits} bits (${rounded.dynamic ? "dynamic" : "static"})`;
  const grid = found.format === "safetensors"
    ? "not quantized"
    : found.format === "gguf"
    ? [...new Set(found.linears.map(({ stored }) => stored))].join(", ")
    : `${found.bits ?? "mixed"} bits in ${
      found.groupSize === -1 ? "whole rows" : `groups of ${found.groupSize ?? "several sizes"}`
    }${found.linears.some(({ ordered }) => ordered) ? " out of order (desc_act)" : ""}`;
  printLine(
    `${args.model}: ${found.family}, ${found.blocks} blocks, ${found.format}, ${grid}${activations}`,
  );
  printLine(
    `${found.parameters.toLocaleString("en")} parameters in ${formatBytes(found.bytes)}; ` +
      `${found.bitsPerWeight.toFixed(3)} bits a weight in the blocks, ` +
      `${formatBytes(found.otherBytes)} outside them`,
  );
  if (lint !== undefined) printLint(lint);
  printLine();
  printLine(formatTable(
    ["linear", "out", "in", "stored", "bits", "group", "bytes"],
    found.linears.map((linear) => [
      linear.name,
      String(linear.shape[0]),
      String(linear.shape[1]),
      linear.stored,
      String(linear.bits),
      linear.groupSize === null ? "" : String(linear.groupSize),
      String(linear.bytes),
    ]),
  ));
  if (salience === undefined) return;
  printLine();
  printSalience(salience);
}
