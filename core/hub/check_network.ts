/**
 * The permission to use the network.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { HUB_VARIABLES } from "./hub_settings.ts";

/** Whether a server may be asked. Deno is never made to put the question to the user. */
export async function mayConnect(url: URL): Promise<boolean> {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const { state } = await Deno.permissions.query({ name: "net", host: `${url.hostname}:${port}` });
  return state === "granted";
}

/**
 * Refuses to ask a server that Deno was not allowed to ask.
 *
 * @throws {SalientError} `input`, with the flags to add.
 */
export async function checkNetwork(url: URL, endpoint: string): Promise<void> {
  if (await mayConnect(url)) return;
  throw new SalientError(
    "input",
    `Deno was not allowed to ask ${url.host}: ${networkFlags(url, endpoint)}`,
  );
}

/** What to do for a server that may not be asked. */
export function networkFlags(url: URL, endpoint: string): string {
  const { hostname } = new URL(endpoint);
  const usual = hostname === "huggingface.co";
  const hosts = usual ? HUB_HOSTS : [new URL(endpoint).host];
  const all = hosts.some((each) => covers(each, url)) ? hosts : [...hosts, url.host];
  const task = usual && all === hosts
    ? "run `deno task salient:hub` instead of `salient`, or "
    : "";
  // Some shells look for files of a name with a star.
  const quoted = all.join(",").includes("*") ? `'${all.join(",")}'` : all.join(",");
  return `${task}add --allow-net=${quoted} --allow-env=${HUB_VARIABLES.join(",")} to deno run`;
}

/** The servers of the hub: its own, those that send files, and those that take them. */
export const HUB_HOSTS: readonly string[] = [
  "huggingface.co",
  "*.huggingface.co",
  "*.hf.co",
  "*.amazonaws.com",
];

function covers(pattern: string, url: URL): boolean {
  return pattern.startsWith("*.") ? url.hostname.endsWith(pattern.slice(1)) : pattern === url.host;
}
