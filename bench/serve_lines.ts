/**
 * Answers lines of JSON on standard input with lines on standard output that begin with `@`.
 *
 * @module
 */

import { TextLineStream } from "./lines.ts";

/** Answers until the input ends. What `answer` throws becomes `{"error": ...}`. */
export async function serveLines<Request>(
  answer: (request: Request) => Promise<object>,
): Promise<void> {
  const lines = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) {
    let reply: object;
    try {
      reply = await answer(JSON.parse(line));
    } catch (error) {
      reply = { error: error instanceof Error ? error.message : String(error) };
    }
    await Deno.stdout.write(new TextEncoder().encode(`@${JSON.stringify(reply)}\n`));
  }
}
