/**
 * `salient doctor`: what can compute here.
 *
 * @module
 */

import { probeBackends, probeDevices, probeHub } from "../../mod.ts";
import { formatBytes } from "../format.ts";
import { printJson, printLine } from "../output.ts";
import { formatTable } from "../table.ts";

/** Prints the backends, and what is missing. */
export async function runDoctor(args: { readonly json: boolean }): Promise<void> {
  const backends = await probeBackends();
  const devices = probeDevices();
  const hub = await probeHub();
  if (args.json) return printJson({ deno: Deno.version.deno, backends, devices, hub });
  printLine(`deno ${Deno.version.deno} on ${Deno.build.os}-${Deno.build.arch}`);
  printLine();
  printLine(formatTable(
    ["backend", "works", "version", "detail"],
    backends.map((b) => [b.name, b.available ? "yes" : "no", b.version, b.detail]),
  ));
  printLine();
  printLine(
    `hub ${hub.endpoint}: ${
      hub.offline ? "offline, as HF_HUB_OFFLINE asks" : hub.network ? "may be asked" : "no network"
    }, ${hub.token ? "a token is there" : "no token"}, cache ${hub.cache ?? "not known (HOME)"}`,
  );
  if (hub.advice !== null && !hub.offline) printLine(`  for the network: ${hub.advice}`);
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
