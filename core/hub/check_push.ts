/**
 * Whether a model may be pushed, asked before any work.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { HubClient } from "./hub_client.ts";
import { parseHubModel } from "./hub_model.ts";
import { type HubSettings, hubSettings } from "./hub_settings.ts";
import { HubStatus } from "./hub_status.ts";
import type { RequestOptions } from "./request_options.ts";

/** How a push is made. */
export interface PushOptions extends RequestOptions {
  /** Where the hub is, and who asks. Default: what the environment says. */
  readonly settings?: Partial<HubSettings>;
  /** Whether the repository is to be private; a public one is then refused. */
  readonly private?: boolean;
}

/**
 * Checks that the token exists, is known to the hub, may write, and belongs to an account that may write under that name;
 * and with `private`, that the repository is not public already.
 *
 * @param id The repository, `org/name`.
 * @throws {SalientError} `usage` where `id` is no repository's name; `input` where the push would be refused.
 */
export async function checkPush(id: string, options: PushOptions = {}): Promise<void> {
  const client = await pushClient(id, options);
  const { endpoint } = client.settings;
  const asked = { hubUrl: endpoint, fetch: client.fetch, accessToken: "" };
  const { modelInfo, whoAmI } = await import("@huggingface/hub");
  const user = await whoAmI(asked);
  const role = user.auth.accessToken?.role;
  if (role === "read") {
    throw new SalientError(
      "input",
      `The token in use may only read: set HF_TOKEN to one that may write (${endpoint}/settings/tokens)`,
    );
  }
  const owner = id.split("/")[0] ?? "";
  const owners = [user.name, ...("orgs" in user ? user.orgs.map(({ name }) => name) : [])];
  if (!owners.some((name) => name.toLowerCase() === owner.toLowerCase())) {
    throw new SalientError(
      "input",
      `${id} cannot be pushed by the token in use: its account may write to ${
        owners.slice(0, 10).join(", ")
      }`,
    );
  }
  if (options.private !== true) return;
  const isPublic = await modelInfo({ ...asked, name: id }).then((info) => !info.private, isMissing);
  if (!isPublic) return;
  throw new SalientError(
    "input",
    `${id} is public already: leave --private out, give another name, or make it private at ${endpoint}/${id}/settings`,
  );
}

/** A client for a push: with a token, and for a name that can be pushed to. */
export async function pushClient(id: string, options: PushOptions): Promise<HubClient> {
  const parsed = parseHubModel(id);
  if (parsed === undefined || parsed.id !== id) {
    throw new SalientError(
      "usage",
      `${JSON.stringify(id)} is no repository to push to: give org/name`,
    );
  }
  const settings = { ...await hubSettings(), ...options.settings };
  if (settings.offline) {
    throw new SalientError(
      "input",
      `${id} cannot be pushed while HF_HUB_OFFLINE is set: set it to 0`,
    );
  }
  const client = new HubClient({ ...options, settings, id });
  if (settings.token === undefined) {
    await client.checkNetwork();
    throw new SalientError(
      "input",
      `${id} cannot be pushed without a token: set HF_TOKEN to one that may write (${settings.endpoint}/settings/tokens)`,
    );
  }
  return client;
}

/** Not public where there is no such repository; any other error stays one. */
function isMissing(cause: unknown): false {
  const status = cause instanceof SalientError && cause.cause instanceof HubStatus
    ? cause.cause.status
    : undefined;
  if (status === 401 || status === 404) return false;
  throw cause;
}
