/**
 * The figures that plugins note, kept for the report.
 *
 * @module
 */

import type { EventListener, PipelineEvent } from "./events.ts";

/** Figures of a linear or set. */
export type Figures = Readonly<Record<string, number | string | boolean>>;

/** Passes events on and remembers the notes among them. */
export class RunNotes {
  readonly #notes = new Map<string, Figures>();
  readonly #listener: EventListener | undefined;

  /** Passes events to a listener, if there is one. */
  constructor(listener: EventListener | undefined) {
    this.#listener = listener;
  }

  /** Takes an event. */
  readonly emit = (event: PipelineEvent): void => {
    if (event.type === "note") {
      this.#notes.set(event.tensor, { ...this.#notes.get(event.tensor), ...event.figures });
    }
    this.#listener?.(event);
  };

  /** What was noted of a linear, later figures over earlier ones. */
  of(tensor: string): Figures {
    return this.#notes.get(tensor) ?? {};
  }
}
