/**
 * Runs that end too early.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { PipelineEvent } from "../../../core/pipeline/events.ts";
import { quantize, type QuantizeOptions } from "../../../core/pipeline/quantize.ts";
import type { QuantizeReport } from "../../../core/pipeline/report.ts";
import { GROUPED, Workshop } from "../pipeline/pipeline_fixtures.ts";

/** Four blocks. */
export const FOUR_BLOCKS = { ...GROUPED, num_hidden_layers: 4 };

/** Files of a folder or a file, by path, folders inside too. */
export function filesAt(path: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  function read(at: string, name: string): void {
    if (Deno.lstatSync(at).isFile) return void files.set(name, Deno.readFileSync(at));
    for (const entry of Deno.readDirSync(at)) read(`${at}/${entry.name}`, `${name}/${entry.name}`);
  }
  read(path, "");
  return files;
}

/** Writes files that {@linkcode filesAt} has read. */
export function putFiles(path: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, bytes] of files) {
    const at = path + name;
    Deno.mkdirSync(at.slice(0, at.lastIndexOf("/")), { recursive: true });
    Deno.writeFileSync(at, bytes);
  }
}

/** Makes sure that two results are equal to the last byte. */
export function assertSameFiles(found: string, expected: string): void {
  const [a, b] = [filesAt(found), filesAt(expected)];
  assert.deepEqual([...a.keys()].sort(), [...b.keys()].sort());
  for (const [name, bytes] of a) assert.deepEqual(bytes, b.get(name), name);
}

/** Whether an event says that a block is done. */
export function isDone(event: PipelineEvent, index: number): boolean {
  return event.type === "block" && event.state === "finish" && event.index === index;
}

/** A tiny model, options of a run on it, and what it comes to without interruption. */
export class ResumeBench implements AsyncDisposable {
  readonly workshop: Workshop;
  readonly options: Omit<QuantizeOptions, "out">;
  /** File or directory of the uninterrupted run. */
  readonly expected: string;
  /** File or directory of the others. */
  readonly out: string;
  readonly report: QuantizeReport;

  private constructor(
    workshop: Workshop,
    options: Omit<QuantizeOptions, "out">,
    names: { expected: string; out: string },
    report: QuantizeReport,
  ) {
    this.workshop = workshop;
    this.options = options;
    this.expected = names.expected;
    this.out = names.out;
    this.report = report;
  }

  static async create(
    make: (workshop: Workshop) => Omit<QuantizeOptions, "out">,
    config: typeof FOUR_BLOCKS = FOUR_BLOCKS,
  ): Promise<ResumeBench> {
    const workshop = await Workshop.create(config);
    try {
      const options = make(workshop);
      const ending = options.format === "gguf" ? ".gguf" : "";
      const expected = `${workshop.folder}/expected${ending}`;
      const report = await quantize({ ...options, out: expected });
      const out = `${workshop.folder}/out${ending}`;
      return new ResumeBench(workshop, options, { expected, out }, report);
    } catch (error) {
      await workshop[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where the work is kept. */
  get work(): string {
    const at = this.out.lastIndexOf("/") + 1;
    return `${this.out.slice(0, at)}.${this.out.slice(at)}.salient-work`;
  }

  /** Runs with `resume`. */
  async run(more: Partial<QuantizeOptions> = {}): Promise<QuantizeReport> {
    return await quantize({ ...this.options, out: this.out, resume: true, ...more });
  }

  /** Runs until something happens, and interrupts then. */
  async interrupt(
    when: (event: PipelineEvent) => boolean,
    more: Partial<QuantizeOptions> = {},
  ): Promise<Error> {
    const controller = new AbortController();
    const { signal } = controller;
    let isPlanned = false; // before that, blocks are looked at to choose bits
    const onEvent = (event: PipelineEvent): void => {
      isPlanned ||= event.type === "plan";
      if (isPlanned && when(event)) controller.abort();
    };
    try {
      await this.run({ ...more, signal, onEvent });
    } catch (error) {
      if (error instanceof Error) return error;
    }
    throw new Error("the run was not interrupted");
  }

  /** What lies in the work directory at every event, as it would if the machine died then. */
  async snapshots(): Promise<Map<string, Uint8Array>[]> {
    const found: Map<string, Uint8Array>[] = [];
    await this.run({
      onEvent: ({ type }) => {
        if (type === "block" || type === "linear" || type === "stage") {
          found.push(filesAt(this.work));
        }
      },
    });
    await Deno.remove(this.out, { recursive: true });
    return found;
  }

  /** Makes sure that the result is that of the uninterrupted run, with nothing beside it, and removes it. */
  async checkAndRemove(report: QuantizeReport): Promise<void> {
    assertSameFiles(this.out, this.expected);
    assert.deepEqual(report.layers, this.report.layers);
    assert.deepEqual(report.experts, this.report.experts);
    assert.equal(report.bytesAfter, this.report.bytesAfter);
    const [out, expected] = [this.out, this.expected].map((path) => path.split("/").at(-1));
    assert.deepEqual(this.workshop.names(), [expected, "model", out].sort());
    await Deno.remove(this.out, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.workshop[Symbol.asyncDispose]();
  }
}
