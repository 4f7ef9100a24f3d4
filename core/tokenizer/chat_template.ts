/**
 * A model's chat template: where it lies and what it makes of a chat.
 *
 * @module
 */

import { Template } from "@huggingface/jinja";
import { isJsonObject, readJsonObject } from "../checkpoint/read_json.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { readTextFile } from "../text_file.ts";
import type { ChatMessage } from "./types.ts";

/** Largest template that is read; real ones have some kilobytes. */
const MOST_BYTES = 2 ** 20;

/** Writes a chat as text. */
export type ChatTemplate = (
  messages: readonly ChatMessage[],
  addGenerationPrompt: boolean,
) => string;

/**
 * Finds the template of a model: `chat_template.jinja`, else `chat_template.json`, else
 * `chat_template` in the tokenizer's config (a text, or a list of which the one named `default` counts).
 *
 * @param directory The model's directory.
 * @param config Its `tokenizer_config.json`.
 * @returns The template, or undefined if the model has none.
 * @throws {SalientError} `input` where the template cannot be read or is not valid Jinja.
 */
export async function loadChatTemplate(
  directory: string,
  config: JsonObject,
): Promise<ChatTemplate | undefined> {
  const found = await findChatTemplate(directory, config);
  if (found === undefined) return undefined;
  const { source, file } = found;
  let template: Template;
  try {
    template = new Template(source);
  } catch (cause) {
    throw templateError(file, "is not valid Jinja", cause);
  }
  const tokens = specialTokens(config);
  return function chatTemplate(messages, addGenerationPrompt): string {
    try {
      return template.render({
        ...tokens,
        messages: messages.map((message) => ({ ...message })),
        add_generation_prompt: addGenerationPrompt,
        tools: null,
        documents: null,
      });
    } catch (cause) {
      throw templateError(file, "refuses the chat", cause);
    }
  };
}

/**
 * The text of a model's template, and the file it is from.
 *
 * @throws {SalientError} `input` where it cannot be read or has more than 1 MiB.
 */
export async function findChatTemplate(
  directory: string,
  config: JsonObject,
): Promise<{ readonly source: string; readonly file: string } | undefined> {
  const found = await findSource(directory, config);
  if (found === undefined || found.source.length <= MOST_BYTES) return found;
  const { file } = found;
  throw new SalientError("input", `The chat template in ${file} has more than 1 MiB`, { file });
}

async function findSource(
  directory: string,
  config: JsonObject,
): Promise<{ source: string; file: string } | undefined> {
  if (directory.endsWith(".gguf")) {
    const own = defaultTemplate(config.chat_template);
    return own === undefined ? undefined : { source: own, file: directory };
  }
  const jinja = `${directory}/chat_template.jinja`;
  if (await exists(jinja)) {
    return { source: await readTextFile(jinja, MOST_BYTES, directory), file: jinja };
  }
  const json = `${directory}/chat_template.json`;
  if (await exists(json)) {
    const source = defaultTemplate(
      (await readJsonObject(json, { within: directory })).chat_template,
    );
    if (source !== undefined) return { source, file: json };
  }
  const source = defaultTemplate(config.chat_template);
  return source === undefined ? undefined : { source, file: `${directory}/tokenizer_config.json` };
}

function defaultTemplate(value: Json | undefined): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const named = value.find((entry) => isJsonObject(entry) && entry.name === "default");
  return isJsonObject(named) && typeof named.template === "string" ? named.template : undefined;
}

/** `bos_token` and its like, which templates may name: a text each, or an object with a `content`. */
function specialTokens(config: JsonObject): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const name of ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token"]) {
    const value = config[name];
    if (typeof value === "string") tokens[name] = value;
    else if (isJsonObject(value) && typeof value.content === "string") tokens[name] = value.content;
  }
  return tokens;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    // Reading the file says what is wrong with it.
    return true;
  }
}

function templateError(file: string, what: string, cause: unknown): SalientError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ");
  return new SalientError("input", `The chat template in ${file} ${what}: ${showName(reason)}`, {
    file,
    cause,
  });
}
