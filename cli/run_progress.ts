/**
 * Shows how far a quantization is: a bar on a terminal, JSON lines with `--json`, a line a block elsewhere.
 *
 * @module
 */

import { SingleBar } from "cli-progress";
import type { PipelineEvent } from "../mod.ts";
import { formatSeconds } from "./format.ts";
import { printNotice } from "./output.ts";

/** How progress is shown. */
export type ProgressStyle = "bar" | "lines" | "json" | "none";

/** The style that fits where standard error goes. */
export function progressStyle(json: boolean): ProgressStyle {
  if (json) return "json";
  return Deno.stderr.isTerminal() ? "bar" : "lines";
}

/** Share of a block's time that its forward pass is taken for. */
const FORWARD_SHARE = 0.5;

/** Takes a run's events and shows them. */
export class RunProgress implements Disposable {
  readonly #style: ProgressStyle;
  #bar: SingleBar | undefined;
  #blocks = 0;
  #index = 0;
  #linears = 0;
  #stage = "";
  #error = "";
  #left: number | undefined;

  /** Chooses the style. */
  constructor(style: ProgressStyle) {
    this.#style = style;
  }

  /** Shows an event. */
  readonly take = (event: PipelineEvent): void => {
    if (event.type === "log" && event.level === "warn" && this.#style !== "json") {
      this.#bar?.stop();
      this.#bar = undefined;
      if (this.#style !== "none") printNotice(`warning: ${event.message}`);
    }
    if (event.type === "resume" && (this.#style === "bar" || this.#style === "lines")) {
      printNotice(`going on behind block ${event.done} of ${event.blocks}, done before`);
    }
    if (this.#style === "json" && event.type !== "note") printNotice(JSON.stringify(event));
    if (this.#style === "lines") this.#line(event);
    if (this.#style === "bar") this.#draw(event);
  };

  #line(event: PipelineEvent): void {
    if (event.type !== "block" || event.state !== "finish") return;
    const left = event.secondsLeft === undefined
      ? ""
      : `, about ${formatSeconds(event.secondsLeft)} left`;
    printNotice(
      `block ${event.index + 1}/${event.blocks} done after ${formatSeconds(event.seconds)}${left}`,
    );
  }

  #draw(event: PipelineEvent): void {
    let part = 0;
    if (event.type === "stage" && event.state === "start") this.#stage = event.stage;
    else if (event.type === "block") {
      this.#index = event.index;
      this.#blocks = event.blocks;
      this.#left = event.secondsLeft;
      this.#linears = 0;
      part = event.state === "finish" ? 1 : 0;
    } else if (event.type === "forward") part = FORWARD_SHARE * event.done / event.total;
    else if (event.type === "linear") {
      this.#linears++;
      this.#error = event.report.error.toExponential(2);
      const each = this.#blocks === 0 ? 1 : event.total / this.#blocks;
      part = FORWARD_SHARE + (1 - FORWARD_SHARE) * Math.min(1, this.#linears / each);
    } else return;
    const payload = {
      stage: this.#stage,
      block: `${Math.min(this.#index + 1, this.#blocks)}/${this.#blocks}`,
      left: this.#left === undefined ? "" : `ETA ${formatSeconds(this.#left)}`,
      error: this.#error === "" ? "" : `error ${this.#error}`,
    };
    if (this.#bar === undefined) {
      this.#bar = new SingleBar({
        format: "{stage} {bar} block {block}  {left}  {error}",
        barsize: 24,
        hideCursor: true,
        clearOnComplete: true,
      });
      this.#bar.start(1000, 0, payload);
    }
    const value = this.#blocks === 0 ? 0 : 1000 * (this.#index + part) / this.#blocks;
    this.#bar.update(value, payload);
  }

  /** Takes the bar away. */
  [Symbol.dispose](): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
