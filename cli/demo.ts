/**
 * The demonstration (`deno task demo`): quantizes the embedded model with RTN and AWQ at 4 and 3 bits, measures
 * each against the original on text that the model has not seen, and leaves an INT4 checkpoint.
 *
 * @module
 */

import {
  awq,
  generate,
  loadCalibration,
  loadTokenizer,
  openBackend,
  openModel,
  perplexity,
  quantize,
  readText,
  rtn,
} from "../mod.ts";
import { comparisonTable } from "./comparison_table.ts";
import { explainError } from "./explain_error.ts";
import { formatBytes, formatPerplexity, formatSeconds } from "./format.ts";
import { Interrupt } from "./interrupt.ts";
import { type MeasuredRow, measureMethods } from "./measure_methods.ts";
import { printLine, printNotice } from "./output.ts";

const MODEL = "models/salient-tiny";
const OUT = "out/salient-tiny-awq-int4";
const GROUP_SIZE = 32;
const SEQ_LEN = 256;
const SAMPLES = 128;
/** Windows of the held-out text that are measured: enough for the differences to be clear, in half a minute. */
const MEASURED_WINDOWS = 400;
/** Presidential addresses: the model was trained on those of years that do not end in 0. */
const TRAINING = "default";
const HELD_OUT = "held-out";
const PROMPT = "The people of the United States";

async function demo(signal: AbortSignal): Promise<void> {
  const start = performance.now();
  using backend = await openBackend("auto");
  using model = await openModel(MODEL, backend);
  const tokenizer = await loadTokenizer(MODEL);
  const calibration = await loadCalibration({
    source: TRAINING,
    tokenizer,
    samples: SAMPLES,
    seqLen: SEQ_LEN,
    signal,
  });
  const heldOut = tokenizer.encode((await readText(HELD_OUT)).text);
  const ids = heldOut.subarray(0, MEASURED_WINDOWS * SEQ_LEN);
  printLine(`model        ${MODEL}, ${model.config.blocks} blocks, computed by ${backend.detail}`);
  printLine(
    `calibration  ${calibration.tokens.toLocaleString("en")} tokens of addresses it was trained on`,
  );
  printLine(
    `measured on  ${ids.length.toLocaleString("en")} tokens of addresses it has never seen\n`,
  );

  const methods = [4, 3].flatMap((bits) => [
    { method: "RTN", bits, groupSize: GROUP_SIZE, plugins: [rtn({ bits, groupSize: GROUP_SIZE })] },
    { method: "AWQ", bits, groupSize: GROUP_SIZE, plugins: [awq({ bits, groupSize: GROUP_SIZE })] },
  ]);
  const rows: MeasuredRow[] = [];
  const options = { backend, model, calibration, ids, seqLen: SEQ_LEN, seed: 0, signal };
  for await (const row of measureMethods(methods, options)) {
    rows.push(row);
    printNotice(`measured ${row.method} at ${row.bits} bits`);
  }
  printLine(`\n${comparisonTable(rows)}\n`);

  await Deno.remove(OUT, { recursive: true }).catch(() => {});
  const report = await quantize({
    model,
    backend,
    calibration,
    plugins: [awq({ bits: 4, groupSize: GROUP_SIZE })],
    out: OUT,
    signal,
  });
  using int4 = await openModel(OUT, backend);
  const measured = await perplexity(int4, ids, { seqLen: SEQ_LEN, signal });
  const words = await generate(int4, tokenizer, PROMPT, { maxTokens: 24, temperature: 0, signal });
  printLine(
    `The INT4 checkpoint, read back: perplexity ${
      formatPerplexity(measured.perplexity)
    }; it writes`,
  );
  printLine(`  ${PROMPT}${words.text.replaceAll("\n", " ")}`);
  printLine(
    `It is in ${OUT} (${formatBytes(report.bytesAfter)}, ${report.format}). ` +
      `Everything took ${formatSeconds((performance.now() - start) / 1000)}.`,
  );
  printLine("Your own model: deno task salient quantize MODEL --method awq --out OUT");
}

if (import.meta.main) {
  using interrupt = new Interrupt();
  try {
    await demo(interrupt.signal);
  } catch (error) {
    const { line, status } = explainError(error, interrupt.signal.aborted);
    printNotice(`demo: ${line}`);
    Deno.exit(status);
  }
}
