/**
 * `salient convert`: the same integers in another format.
 *
 * @module
 */

import { convertModel } from "../../mod.ts";
import { chooseBackend } from "../choose_backend.ts";
import type { ConvertArguments } from "../commands/convert.ts";
import { formatBytes, formatSeconds } from "../format.ts";
import { locateModel } from "../locate_model.ts";
import { openLocated } from "../open_located.ts";
import { printJson, printLine, printNotice } from "../output.ts";
import { WindowProgress } from "../window_progress.ts";

/** Converts, and prints what came of it. */
export async function runConvert(args: ConvertArguments, signal: AbortSignal): Promise<void> {
  using backend = await chooseBackend(args);
  const { path, fields } = await locateModel(args, signal);
  using model = await openLocated(path, backend, args);
  using progress = new WindowProgress("linears", args.json);
  const report = await convertModel({
    model,
    backend,
    format: args.format,
    out: args.out,
    signal,
    onProgress: (done, total) => progress.update(done, total),
    warn: (message) => printNotice(`warning: ${message}`),
  });
  progress.finish();
  if (args.json) return printJson({ ...report, ...fields });
  const how = report.lossless ? "losslessly" : "with rounding";
  printLine(
    `${report.out}: ${report.from} became ${report.format} ${how}, ${report.linears} quantized linears; ` +
      `${formatBytes(report.bytesBefore)} became ${formatBytes(report.bytesAfter)} in ` +
      `${formatSeconds(report.seconds)} (peak memory ${formatBytes(report.peakRssBytes)})`,
  );
}
