/**
 * `salient generate`: lets a model write.
 *
 * @module
 */

import { generate, loadTokenizer, withRoundedHead } from "../../mod.ts";
import { chooseBackend } from "../choose_backend.ts";
import type { GenerateArguments } from "../commands/generate.ts";
import { locateModel } from "../locate_model.ts";
import { openLocated } from "../open_located.ts";
import { printJson, printNotice, printText } from "../output.ts";

/** Streams the text to standard output, and its speed to standard error. */
export async function runGenerate(args: GenerateArguments, signal: AbortSignal): Promise<void> {
  using backend = await chooseBackend(args);
  const { path, fields } = await locateModel(args, signal);
  using opened = await openLocated(path, backend, args);
  using rounded = args.headBits === undefined
    ? undefined
    : await withRoundedHead(opened, args.headBits);
  const model = rounded ?? opened;
  const tokenizer = await loadTokenizer(path);
  tokenizer.checkVocabulary(model.config.vocabSize);
  if (!args.json) printText(args.prompt);
  const result = await generate(model, tokenizer, args.prompt, {
    maxTokens: args.maxTokens,
    temperature: args.temperature,
    seed: args.seed,
    signal,
    ...(args.json ? {} : { onText: printText }),
  });
  if (args.json) return printJson({ ...fields, ...result, backend: backend.name });
  printText("\n");
  printNotice(
    `${result.tokens} tokens at ${result.tokensPerSecond.toFixed(1)} a second, prompt of ` +
      `${result.promptTokens} at ${result.prefillTokensPerSecond.toFixed(1)} (${backend.name})`,
  );
}
