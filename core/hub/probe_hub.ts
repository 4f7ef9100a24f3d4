/**
 * Whether the hub can be used here.
 *
 * @module
 */

import { mayConnect, networkFlags } from "./check_network.ts";
import { hubSettings } from "./hub_settings.ts";

/** How the hub would be reached; nothing is sent. */
export interface HubProbe {
  /** Its address. */
  readonly endpoint: string;
  /** Directory of the cache; null where it is not known. */
  readonly cache: string | null;
  /** Whether there is an access token. It is not shown. */
  readonly token: boolean;
  /** Whether the network is left alone, as `HF_HUB_OFFLINE` asks. */
  readonly offline: boolean;
  /** Whether Deno may ask it. */
  readonly network: boolean;
  /** What to do for a network that is missing; null where it is there. */
  readonly advice: string | null;
}

/** Says where the hub and its cache are, and what is missing for a model to be fetched. */
export async function probeHub(): Promise<HubProbe> {
  const { endpoint, cache, token, offline } = await hubSettings();
  const url = new URL(endpoint);
  const network = await mayConnect(url);
  return {
    endpoint,
    cache: cache ?? null,
    token: token !== undefined,
    offline,
    network,
    advice: network ? null : networkFlags(url, endpoint),
  };
}
