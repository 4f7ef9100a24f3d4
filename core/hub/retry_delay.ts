/**
 * How long a server asks to wait.
 *
 * @module
 */

/**
 * Seconds that an answer asks to wait: `Retry-After` (seconds or a date), or `t` of `RateLimit`, which the hub sends;
 * undefined where it says nothing.
 */
export function retryDelay(headers: Headers): number | undefined {
  const after = headers.get("retry-after")?.trim();
  if (after !== undefined && /^\d+(\.\d+)?$/.test(after)) return Number(after);
  const date = after === undefined ? NaN : Date.parse(after);
  if (!Number.isNaN(date)) return Math.max(0, (date - Date.now()) / 1000);
  const limit = /(?:^|[;\s])t=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1];
  return limit === undefined ? undefined : Number(limit);
}
