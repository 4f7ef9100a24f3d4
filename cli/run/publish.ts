/**
 * `salient quantize --push`: the result goes to the hub with a card.
 *
 * @module
 */

import {
  type CalibrationSet,
  type CardLicense,
  hubSettings,
  type MeasuredPerplexity,
  modelCard,
  modelLicense,
  type PushReport,
  type QuantizeReport,
} from "../../mod.ts";
import { writeCard } from "../card_file.ts";
import type { LocatedModel } from "../locate_model.ts";
import { pushCheckpoint } from "../push_checkpoint.ts";
import { quoteWord } from "../quote_word.ts";
import { VERSION } from "../version.ts";

/** What is published. */
export interface PublishOptions {
  /** The original. */
  readonly source: LocatedModel;
  /** What the run reported. */
  readonly report: QuantizeReport;
  /** What was calibrated on, if anything was. */
  readonly calibration: CalibrationSet | undefined;
  /** What was measured, if it was. */
  readonly measured: MeasuredPerplexity | undefined;
  /** Where the result is. */
  readonly out: string;
  /** The repository. */
  readonly id: string;
  /** Whether it is to be private. */
  readonly private: boolean;
  /** The command's arguments, as they were given. */
  readonly argv: readonly string[];
  /** Whether the command prints JSON. */
  readonly json: boolean;
  /** Stops it. */
  readonly signal: AbortSignal;
}

/** Writes the card beside the result, then uploads both. */
export async function publish(options: PublishOptions): Promise<PushReport> {
  const { source, report, measured, out, id } = options;
  const { endpoint } = await hubSettings();
  const hub = source.hub;
  let license: CardLicense | undefined;
  if (hub !== undefined) license = await modelLicense(hub.id, { signal: options.signal });
  const card = modelCard({
    id,
    base: hub === undefined
      ? undefined
      : { id: hub.id, commit: hub.commit, url: `${endpoint}/${hub.id}` },
    license,
    format: report.format,
    bits: report.bits,
    groupSize: report.groupSize,
    report,
    command: `salient ${options.argv.map(quoteWord).join(" ")}`,
    calibration: options.calibration,
    measured,
    versions: { Salient: VERSION, Deno: Deno.version.deno },
  });
  await writeCard(out, card);
  return await pushCheckpoint({ ...options, path: out, card });
}
