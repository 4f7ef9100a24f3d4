/**
 * What the hub's refusals mean.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { HubStatus } from "./hub_status.ts";
import type { HubSettings } from "./hub_settings.ts";

/** What was asked for. */
export interface Asked {
  /** Where the hub is and who asks. */
  readonly settings: HubSettings;
  /** The repository. */
  readonly id: string;
  /** Its revision. */
  readonly revision?: string;
}

/** The error for an answer that is one; reads the answer's text. */
export async function refusedResponse(
  response: Response,
  asked: Asked,
  wait: number | undefined,
): Promise<SalientError> {
  const { status, headers } = response;
  const { endpoint, token } = asked.settings;
  const { host } = new URL(endpoint);
  const said = await whatItSaid(response);
  const code = headers.get("x-error-code") ?? "";
  const address = `${endpoint}/${asked.id}`;
  const name = `${asked.id} on ${host}`;
  const refuse = (message: string): SalientError =>
    new SalientError("input", message, { cause: new HubStatus(status) });
  const invalid = /invalid (user |access )?(token|username|credentials)/i.test(said);
  const answering = new URL(response.url || endpoint).host;
  const other = (): SalientError =>
    refuse(`${answering} answers ${status}${said} for ${asked.id}: try again later`);
  // A server that files lie on knows nothing of tokens and names.
  if (answering !== host && status !== 429) return other();
  if (code === "GatedRepo") {
    return refuse(
      token === undefined
        ? `${name} is gated: accept its licence at ${address} and set HF_TOKEN to a token of that account`
        : `${name} is gated, and the token in use may not read it: accept its licence at ${address} with the ` +
          `token's account, and check that the token may read gated repositories`,
    );
  }
  if (status === 401 && token !== undefined && invalid) {
    return refuse(
      `${host} does not know the token in use: set HF_TOKEN to a valid one (${endpoint}/settings/tokens)`,
    );
  }
  if (code === "RevisionNotFound") {
    return refuse(
      `${name} has no revision ${asked.revision ?? ""}: see its branches and tags at ${address}`,
    );
  }
  if (code === "EntryNotFound") {
    return refuse(
      `${name} does not have the file ${new URL(response.url).pathname}: ask for another`,
    );
  }
  if (code === "RepoNotFound" || status === 404 || status === 401) {
    return refuse(
      `${asked.id} was not found on ${host}: check its name; if it is private or gated, set HF_TOKEN to a token ` +
        `that may read it${token === undefined ? "" : " (the one in use may not)"}`,
    );
  }
  if (status === 403) {
    return refuse(
      `${host} does not allow this for ${asked.id}${said}: ` +
        (token === undefined
          ? `set HF_TOKEN`
          : `the token in use has no right to it, set HF_TOKEN to one that has`),
    );
  }
  if (status === 429) {
    const long = wait === undefined ? "a while" : `${Math.ceil(wait)} s`;
    return refuse(
      `${answering} answers 429, too many requests: wait ${long} and run again` +
        (token === undefined ? `, or set HF_TOKEN (it lets accounts ask more often)` : ""),
    );
  }
  return other();
}

/** The server's own words in brackets, cut to a line; empty where it has none. */
async function whatItSaid(response: Response): Promise<string> {
  let text = response.headers.get("x-error-message") ?? "";
  try {
    const body = (await response.text()).slice(0, 4096);
    if (text === "") {
      const parsed: unknown = JSON.parse(body);
      if (typeof parsed === "object" && parsed !== null && "error" in parsed) {
        text = String(parsed.error);
      }
    }
  } catch {
    // The status has to do.
  }
  const line = text.replaceAll(/[\s\p{C}]+/gu, " ").trim().slice(0, 300);
  return line === "" ? "" : ` (${line})`;
}
