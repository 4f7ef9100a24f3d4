/**
 * Requests to the hub.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { CountedBlob } from "./counted_blob.ts";
import { HubStatus } from "./hub_status.ts";
import { checkNetwork } from "./check_network.ts";
import { networkReason } from "./network_reason.ts";
import type { RequestOptions } from "./request_options.ts";
import { refusedResponse } from "./refused_response.ts";
import { retryDelay } from "./retry_delay.ts";
import type { HubSettings } from "./hub_settings.ts";

/** How a client behaves. */
export interface HubClientOptions extends RequestOptions {
  /** Where the hub is and who asks. */
  readonly settings: HubSettings;
  /** The repository, for errors. */
  readonly id: string;
  /** Its revision, for errors. */
  readonly revision?: string;
}

/** The longest wait that a server may ask for, in seconds. */
const LONGEST_WAIT = 600;
const MOST_REDIRECTS = 5;

/** Sends requests: checks the network permission, adds the token, follows redirects, waits and tries again. */
export class HubClient {
  /** Where the hub is and who asks. */
  readonly settings: HubSettings;
  /** The repository. */
  readonly id: string;
  /** Stops everything. */
  readonly signal: AbortSignal | undefined;
  /** Times that a request is sent. */
  readonly attempts: number;
  /** Seconds without a byte after which a connection counts as dropped. */
  readonly patience: number;
  /** Told how many bytes of a large body have gone; negative where they are sent again. */
  onUpload: ((bytes: number) => void) | undefined;
  readonly #options: HubClientOptions;

  /** Takes the options; nothing is sent. */
  constructor(options: HubClientOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.id = options.id;
    this.signal = options.signal;
    this.attempts = options.attempts ?? 6;
    this.patience = options.patience ?? 60;
  }

  /** Address of the hub's server, for people. */
  get host(): string {
    return new URL(this.settings.endpoint).host;
  }

  /** Refuses, with the flags to add, where Deno may not ask the hub. */
  async checkNetwork(): Promise<void> {
    const { endpoint } = this.settings;
    await checkNetwork(new URL(endpoint), endpoint);
  }

  /** Tells the user something. */
  notice(text: string): void {
    this.#options.onNotice?.(text);
  }

  /**
   * Like the global `fetch`, for the hub's library: an answer that is an error becomes a {@linkcode SalientError}, those
   * that may pass are asked for again.
   *
   * @throws {SalientError} `input` where the hub refuses, cannot be reached, or asks to wait too long.
   */
  readonly fetch = async (
    input: string | URL | Request,
    init: RequestInit = {},
  ): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    for (let attempt = 1;; attempt++) {
      const last = attempt >= this.attempts;
      let response: Response;
      try {
        response = await this.#follow(url, init);
      } catch (cause) {
        this.#checkAborted(init.signal);
        if (cause instanceof SalientError) throw cause;
        if (last) throw this.#unreachable(url, cause);
        await this.pause(attempt);
        continue;
      }
      const { status } = response;
      if (status < 400 || status === 416) {
        return (init.method ?? "GET") === "GET" ? response : await received(response);
      }
      const passing = status === 429 || (status >= 500 && status !== 501);
      const wait = retryDelay(response.headers);
      if (!passing || last || (wait ?? 0) > LONGEST_WAIT) {
        throw await refusedResponse(response, this.#options, wait);
      }
      await response.body?.cancel();
      if (wait !== undefined && wait > 2) {
        this.notice(`${url.host} answers ${status} and asks to wait ${Math.ceil(wait)} s: waiting`);
      }
      await this.pause(attempt, wait);
    }
  };

  /** Waits before another attempt: `seconds` if the server named them, else longer each time. */
  async pause(attempt: number, seconds?: number): Promise<void> {
    const { backoff = 1 } = this.#options;
    const wait = seconds ?? Math.min(30, backoff * 2 ** (attempt - 1));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stop = (): void => reject(this.signal?.reason);
    const timer = setTimeout(resolve, 1000 * wait);
    this.signal?.addEventListener("abort", stop);
    try {
      this.signal?.throwIfAborted();
      await promise;
    } finally {
      clearTimeout(timer);
      this.signal?.removeEventListener("abort", stop);
    }
  }

  /** Sends one request and follows redirects by hand, for each host needs a permission and only the hub gets the token. */
  async #follow(url: URL, init: RequestInit): Promise<Response> {
    let { method = "GET", body = null } = init;
    for (let hops = 0;; hops++) {
      await checkNetwork(url, this.settings.endpoint);
      const response = await this.#send(url, { ...init, method, body });
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      await response.body?.cancel();
      const next = URL.parse(location, url.href);
      if (next === null || !/^https?:$/.test(next.protocol) || hops === MOST_REDIRECTS) {
        throw new SalientError(
          "input",
          `${url.host} redirects to nowhere (${
            JSON.stringify(location.slice(0, 200))
          }): try again later`,
        );
      }
      if (url.protocol === "https:" && next.protocol === "http:") {
        throw new SalientError(
          "input",
          `${url.host} redirects to ${next.host} without encryption, which is not followed: check HF_ENDPOINT`,
        );
      }
      if (response.status < 307 && method !== "HEAD") [method, body] = ["GET", null];
      url = next;
    }
  }

  async #send(url: URL, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.delete("authorization");
    headers.set("user-agent", "salient");
    const { token, endpoint } = this.settings;
    if (token !== undefined && url.origin === new URL(endpoint).origin) {
      headers.set("authorization", `Bearer ${token}`);
    }
    // A large body may be under way for hours before there is an answer.
    const late = new AbortController();
    const timer = init.body instanceof Blob ? undefined : setTimeout(
      () => late.abort(new DOMException("no answer", "TimeoutError")),
      1000 * this.patience,
    );
    const signals = [init.signal, this.signal, late.signal].filter((each) =>
      each instanceof AbortSignal
    );
    const { onUpload } = this;
    const body = init.body instanceof Blob && onUpload !== undefined
      ? new CountedBlob(init.body, onUpload)
      : init.body;
    try {
      const response = await fetch(url, {
        ...init,
        ...(body === undefined ? {} : { body }),
        headers,
        redirect: "manual",
        signal: AbortSignal.any(signals),
      });
      if (response.status >= 300 && body instanceof CountedBlob) body.takeBack();
      return response;
    } catch (cause) {
      if (body instanceof CountedBlob) body.takeBack();
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }

  #checkAborted(own: AbortSignal | null | undefined): void {
    this.signal?.throwIfAborted();
    own?.throwIfAborted();
  }

  #unreachable(url: URL, cause: unknown): SalientError {
    return new SalientError(
      "input",
      `${url.host} cannot be reached (${
        networkReason(cause)
      }): check the connection and HF_ENDPOINT, or set ` +
        `HF_HUB_OFFLINE=1 to use what is in the cache`,
      { cause: new HubStatus(undefined, cause) },
    );
  }
}

/** The same answer with its text read: the library looks at the status of some answers and leaves the rest. */
async function received(response: Response): Promise<Response> {
  const { status, headers } = response;
  const bytes = await response.arrayBuffer();
  return new Response(bytes.byteLength === 0 ? null : bytes, { status, headers });
}
