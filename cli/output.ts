/**
 * Standard output and standard error.
 *
 * @module
 */

const encoder = new TextEncoder();

/** Writes all of a text to a stream that may take it in pieces. */
function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = encoder.encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}

/** A result, for the user or a script: standard output. */
export function printText(text: string): void {
  writeAll(Deno.stdout, text);
}

/** A line of result. */
export function printLine(text = ""): void {
  printText(text + "\n");
}

/** The one JSON object of `--json`. */
export function printJson(value: unknown): void {
  printLine(JSON.stringify(value));
}

/** News and complaints: standard error. */
export function printNotice(text: string): void {
  writeAll(Deno.stderr, text + "\n");
}
