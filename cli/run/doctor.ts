/**
 * `salient doctor`: what can compute here.
 *
 * @module
 */

import { probeBackends, probeDevices } from "../../mod.ts";
import { formatBytes } from "../format.ts";
import { printJson, printLine } from "../output.ts";
import { formatTable } from "../table.ts";

/** Prints the backends, and what is missing. */
export async function runDoctor(args: { readonly json: boolean }): Promise<void> {
  const backends = await probeBackends();
  const devices = probeDevices();
  if (args.json) return printJson({ deno: Deno.version.deno, backends, devices });
  printLine(`deno ${Deno.version.deno} on ${Deno.build.os}-${Deno.build.arch}`);
  printLine();
  printLine(formatTable(
    ["backend", "works", "version", "detail"],
    backends.map((b) => [b.name, b.available ? "yes" : "no", b.version, b.detail]),
  ));
  if (devices.length === 0) return;
  printLine();
  printLine(formatTable(
    ["device", "name", "compute capability", "memory", "free", "driver", "library"],
    devices.map((d) => [
      String(d.index),
      d.name,
      d.computeCapability,
      formatBytes(d.memoryBytes),
      formatBytes(d.freeBytes),
      `CUDA ${d.driver}`,
      `CUDA ${d.runtime}`,
    ]),
  ));
}
