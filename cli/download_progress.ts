/**
 * Shows how far a download or an upload is: a bar on a terminal, JSON lines with `--json`, a line now and then elsewhere.
 *
 * @module
 */

import { SingleBar } from "cli-progress";
import { formatBytes } from "./format.ts";
import { printNotice } from "./output.ts";
import { type ProgressStyle, progressStyle } from "./run_progress.ts";

/** Milliseconds between two lines. */
const PAUSE = { json: 1000, lines: 10_000 } as const;

/** Takes the bytes that have come or gone. */
export class DownloadProgress implements Disposable {
  readonly #name: string;
  readonly #verb: "download" | "upload";
  readonly #style: ProgressStyle;
  readonly #started = performance.now();
  #bar: SingleBar | undefined;
  #told = 0;
  #shown = -1;
  #before: number | undefined;

  /** Names the model. */
  constructor(verb: "download" | "upload", name: string, json: boolean) {
    this.#verb = verb;
    this.#name = name;
    this.#style = progressStyle(json);
  }

  /** Shows how many bytes there are, of how many. */
  update(bytes: number, totalBytes: number): void {
    if (bytes === this.#shown) return;
    this.#shown = bytes;
    // What an earlier run has fetched says nothing about speed.
    this.#before ??= bytes;
    if (this.#style === "bar") return this.#draw(bytes, totalBytes);
    if (this.#style !== "json" && this.#style !== "lines") return;
    const now = performance.now();
    if (bytes < totalBytes && now - this.#told < PAUSE[this.#style]) return;
    this.#told = now;
    if (this.#style === "json") {
      printNotice(JSON.stringify({ type: this.#verb, model: this.#name, bytes, totalBytes }));
    } else {
      const done = `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`;
      printNotice(`${this.#verb} of ${this.#name}: ${done}${this.#speed(bytes)}`);
    }
  }

  /** Tells something between. */
  notice(text: string): void {
    if (this.#style === "json") printNotice(JSON.stringify({ type: "log", message: text }));
    else {
      this[Symbol.dispose]();
      printNotice(text);
    }
  }

  #draw(bytes: number, totalBytes: number): void {
    const payload = {
      done: formatBytes(bytes),
      all: formatBytes(totalBytes),
      speed: this.#speed(bytes),
    };
    if (this.#bar === undefined) {
      this.#bar = new SingleBar({
        format: `${this.#verb} of ${this.#name} {bar} {done} of {all}{speed}`,
        barsize: 24,
        hideCursor: true,
        clearOnComplete: true,
      });
      this.#bar.start(totalBytes, bytes, payload);
    }
    this.#bar.setTotal(totalBytes);
    this.#bar.update(bytes, payload);
  }

  #speed(bytes: number): string {
    const seconds = (performance.now() - this.#started) / 1000;
    const come = bytes - (this.#before ?? 0);
    return seconds < 1 || come <= 0 ? "" : `, ${formatBytes(Math.round(come / seconds))}/s`;
  }

  /** Takes the bar away. */
  [Symbol.dispose](): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
