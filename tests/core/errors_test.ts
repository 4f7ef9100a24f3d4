import assert from "node:assert/strict";
import { SalientError } from "../../core/errors.ts";

Deno.test("the message of a SalientError is one line that cannot write to the terminal", () => {
  const { message } = new SalientError(
    "input",
    "a \n\n b\r\nc\u001b[2J\u2028d\u202ee\0 \u00e9 \u{1f468}\u200d\u{1f469}",
  );
  assert.equal(
    message,
    "a b c\\u{1b}[2J\\u{2028}d\\u{202e}e\\u{0} \u00e9 \u{1f468}\u200d\u{1f469}",
  );
});
