/**
 * Failed connections, for people.
 *
 * @module
 */

/** What the system said of a failed connection, in a few words. */
export function networkReason(cause: unknown): string {
  if (cause instanceof DOMException && cause.name === "TimeoutError") return "no answer in time";
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const text = inner instanceof Error ? inner.message : String(inner);
  return text.split("\n", 1)[0]?.split(": ").at(-1)?.slice(0, 200) ?? "";
}
