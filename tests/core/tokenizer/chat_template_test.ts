/**
 * Chat templates: where they are found and what they write.
 *
 * @module
 */

import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import { loadChatTemplate } from "../../../core/tokenizer/chat_template.ts";
import type { JsonObject } from "../../../core/checkpoint/types.ts";

const CHAT = [{ role: "user", content: "Hi {{ x }}" }, { role: "assistant", content: "Ho" }];

const CHATML = `{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' + message['content'] | trim + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`;

async function withDirectory(
  files: Readonly<Record<string, string>>,
  body: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${directory}/${name}`, text);
    }
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function refused(...words: RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SalientError, String(error));
    assert.equal(error.code, "input");
    assert.ok(!error.message.includes("\n"), "one line");
    for (const word of words) assert.match(error.message, word);
    return true;
  };
}

Deno.test("a chat is written by the template, what it holds stays as it is", async () => {
  await withDirectory({}, async (directory) => {
    const template = await loadChatTemplate(directory, { chat_template: CHATML });
    const text = "<|im_start|>user\nHi {{ x }}<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n";
    assert.equal(template?.(CHAT, false), text);
    assert.equal(template?.(CHAT, true), `${text}<|im_start|>assistant\n`);
  });
});

Deno.test("special tokens may be texts or objects", async () => {
  const config: JsonObject = {
    chat_template: "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}",
    bos_token: "<s>",
    eos_token: { content: "</s>", lstrip: false },
  };
  await withDirectory({}, async (directory) => {
    const template = await loadChatTemplate(directory, config);
    assert.equal(template?.([{ role: "user", content: "a" }], false), "<s>a</s>");
  });
});

Deno.test("a file of its own goes before the config, and of a list the default counts", async () => {
  const list = [{ name: "tool_use", template: "tool" }, { name: "default", template: "list" }];
  const places: [Record<string, string>, JsonObject, string][] = [
    [{ "chat_template.jinja": "jinja", "chat_template.json": "{}" }, {}, "jinja"],
    [{ "chat_template.json": '{"chat_template":"json"}' }, { chat_template: "config" }, "json"],
    [{}, { chat_template: "config" }, "config"],
    [{}, { chat_template: list }, "list"],
  ];
  for (const [files, config, text] of places) {
    await withDirectory(files, async (directory) => {
      assert.equal((await loadChatTemplate(directory, config))?.(CHAT, false), text);
    });
  }
});

Deno.test("a model without a template has none", async () => {
  await withDirectory({}, async (directory) => {
    assert.equal(await loadChatTemplate(directory, {}), undefined);
    assert.equal(
      await loadChatTemplate(directory, { chat_template: [{ name: "rag" }] }),
      undefined,
    );
  });
});

Deno.test("a template that is not Jinja, or refuses the chat, is an input error", async () => {
  await withDirectory({}, async (directory) => {
    await assert.rejects(
      loadChatTemplate(directory, { chat_template: "{% for %}" }),
      refused(/tokenizer_config\.json is not valid Jinja/),
    );
    const template = await loadChatTemplate(directory, {
      chat_template: "{{ raise_exception('roles must alternate') }}",
    });
    assert.throws(
      () => template?.(CHAT, false),
      refused(/refuses the chat: .*roles must alternate/),
    );
  });
  await withDirectory({ "chat_template.jinja": "x".repeat(2 ** 20 + 1) }, async (directory) => {
    await assert.rejects(loadChatTemplate(directory, {}), refused(/bytes, more than/));
  });
});
