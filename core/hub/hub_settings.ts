/**
 * Where the hub is, where its cache is, and who asks.
 *
 * @module
 */

import { join } from "node:path";
import { SalientError } from "../errors.ts";

/** How the hub is reached. */
export interface HubSettings {
  /** Address of the hub, without a slash at its end. */
  readonly endpoint: string;
  /** Access token; undefined for what is public. */
  readonly token: string | undefined;
  /** Directory of the cache, which Python's `huggingface_hub` shares; undefined where no home directory is known. */
  readonly cache: string | undefined;
  /** Whether the network is left alone. */
  readonly offline: boolean;
}

/** The environment variables that are read, for `--allow-env`. */
export const HUB_VARIABLES: readonly string[] = [
  "HF_TOKEN",
  "HUGGING_FACE_HUB_TOKEN",
  "HF_TOKEN_PATH",
  "HF_ENDPOINT",
  "HF_HUB_OFFLINE",
  "TRANSFORMERS_OFFLINE",
  "HF_HUB_CACHE",
  "HUGGINGFACE_HUB_CACHE",
  "HF_HOME",
  "XDG_CACHE_HOME",
  "HOME",
  "USERPROFILE",
];

/**
 * Reads what the environment says, as Python's `huggingface_hub` does: `HF_TOKEN` or the token file that
 * `hf auth login` writes, `HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HF_HUB_CACHE` or `HF_HOME`. A variable that Deno was not
 * allowed to read counts as not set.
 *
 * @param read Gives a variable's value. Default: the environment of the process.
 * @throws {SalientError} `usage` where `HF_ENDPOINT` is not the address of a web server.
 */
export async function hubSettings(
  read: (name: string) => string | undefined = readVariable,
): Promise<HubSettings> {
  function first(...names: readonly string[]): string | undefined {
    return names.map(read).find((value) => value !== undefined && value !== "");
  }
  const home = first("HOME", "USERPROFILE");
  function expand(path: string): string {
    return home !== undefined && /^~(?=$|[/\\])/.test(path) ? home + path.slice(1) : path;
  }
  const caches = first("XDG_CACHE_HOME") ?? (home === undefined ? undefined : join(home, ".cache"));
  const base = first("HF_HOME") ?? (caches === undefined ? undefined : join(caches, "huggingface"));
  const hfHome = base === undefined ? undefined : expand(base);
  const cache = first("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ??
    (hfHome === undefined ? undefined : join(hfHome, "hub"));
  const tokenFile = first("HF_TOKEN_PATH") ??
    (hfHome === undefined ? undefined : join(hfHome, "token"));
  return {
    endpoint: checkEndpoint(first("HF_ENDPOINT") ?? "https://huggingface.co"),
    token: cleanToken(first("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")) ??
      (tokenFile === undefined ? undefined : await readToken(expand(tokenFile))),
    cache: cache === undefined ? undefined : expand(cache),
    offline: /^(1|on|yes|true)$/i.test(first("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") ?? ""),
  };
}

/** A variable of the environment; undefined where it is not set, or may not be read. Never asks. */
function readVariable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}

function checkEndpoint(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "") {
    throw new SalientError(
      "usage",
      `HF_ENDPOINT is ${JSON.stringify(text.slice(0, 200))}, which is not the address of a web ` +
        `server: set it to one such as https://huggingface.co`,
    );
  }
  return text.replace(/\/+$/, "");
}

/** Files that are pasted into a terminal bring line ends along. */
function cleanToken(text: string | undefined): string | undefined {
  const token = text?.trim();
  return token === undefined || !/^[\x21-\x7e]+$/.test(token) ? undefined : token;
}

async function readToken(path: string): Promise<string | undefined> {
  try {
    return cleanToken((await Deno.readTextFile(path)).slice(0, 4096));
  } catch {
    return undefined;
  }
}
