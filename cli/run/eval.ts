/**
 * `salient eval`: perplexity.
 *
 * @module
 */

import { loadTokenizer, perplexity, readText, withRoundedHead } from "../../mod.ts";
import { chooseBackend } from "../choose_backend.ts";
import type { EvalArguments } from "../commands/eval.ts";
import { firstWindows } from "../first_windows.ts";
import { formatPerplexity, formatSeconds } from "../format.ts";
import { locateModel } from "../locate_model.ts";
import { openLocated } from "../open_located.ts";
import { printJson, printLine } from "../output.ts";
import { windowLength } from "../window_length.ts";
import { WindowProgress } from "../window_progress.ts";

/** Measures and prints perplexity. */
export async function runEval(args: EvalArguments, signal: AbortSignal): Promise<void> {
  using backend = await chooseBackend(args);
  const text = await readText(args.text);
  const { path, fields } = await locateModel(args, signal);
  using opened = await openLocated(path, backend, args);
  using rounded = args.headBits === undefined
    ? undefined
    : await withRoundedHead(opened, args.headBits);
  const model = rounded ?? opened;
  const tokenizer = await loadTokenizer(path);
  tokenizer.checkVocabulary(model.config.vocabSize);
  const seqLen = windowLength(args.seqLen, 2048, model);
  const ids = firstWindows(tokenizer.encode(text.text), seqLen, args.windows);
  using progress = new WindowProgress("perplexity", args.json);
  const result = await perplexity(model, ids, {
    seqLen,
    ...(args.stride === undefined ? {} : { stride: args.stride }),
    signal,
    onProgress: ({ windows, totalWindows }) => progress.update(windows, totalWindows),
  });
  progress.finish();
  if (args.json) {
    return printJson({
      ...fields,
      text: args.text,
      tokens: result.tokens,
      seqLen: result.seqLen,
      windows: result.windows,
      ...(args.stride === undefined ? {} : { stride: args.stride }),
      perplexity: result.perplexity,
      seconds: result.seconds,
      backend: backend.name,
    });
  }
  printLine(
    `perplexity ${formatPerplexity(result.perplexity)} over ${result.windows} windows of ` +
      `${result.seqLen} tokens (${result.tokens.toLocaleString("en")} tokens in ` +
      `${formatSeconds(result.seconds)}, ${backend.name})`,
  );
}
