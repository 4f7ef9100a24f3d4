/**
 * Contestants on the same works and the same data, in turns (A B A B ...), so that whatever the machine does meanwhile
 * meets all of them. Every result is checked against plain arithmetic.
 *
 * @module
 */

import { CHECKED, relativeError, TOLERANCE } from "./check_result.ts";
import { Child, type ChildOptions } from "./child.ts";
import { writeFloats } from "./contestant.ts";
import { emit, median } from "./measure.ts";
import type { BenchOptions } from "./options.ts";
import { seededNormal } from "./seeded.ts";
import { nameOf, type Work } from "./work.ts";

/** No answer takes longer than this: making and quantizing the largest weight included. */
const LIMIT_SECONDS = 90;

/** Where data and results of a work are handed over. */
export interface Files {
  /** Input, fp32. */
  readonly x: string;
  /** Weight, fp32. */
  readonly w: string;
  /** Result, fp32. */
  readonly y: string;
  /** First rows of the weight as it was used, fp32. */
  readonly rows: string;
}

/** The files of a folder. */
export function filesIn(folder: string): Files {
  return { x: `${folder}/x`, w: `${folder}/w`, y: `${folder}/y`, rows: `${folder}/rows` };
}

/** One contestant on one work. */
class Turns {
  readonly times: number[] = [];
  failed: string | undefined;

  constructor(readonly child: Child) {}

  /** Does something unless it failed before; remembers why it failed. */
  async attempt(action: () => Promise<void>): Promise<void> {
    if (this.failed !== undefined) return;
    try {
      await action();
    } catch (error) {
      this.failed = error instanceof Error ? error.message : String(error);
    }
  }
}

/**
 * Lets each do a work and hands on its time, or why it has none.
 *
 * @param inspect Called with each result [T, N] that is right.
 */
export async function compare(
  work: Work,
  children: readonly Child[],
  files: Files,
  options: Pick<BenchOptions, "turns" | "seconds">,
  inspect?: (child: Child, y: Float32Array) => void,
): Promise<void> {
  const x = seededNormal(work.T * work.K, 3);
  await writeFloats(files.x, x);
  const outputs = work.kind === "gram" ? 0 : work.N;
  await writeFloats(files.w, seededNormal(outputs * work.K, 7, 0.02));
  const all = children.map((child) => new Turns(child));
  for (const turns of all) {
    await turns.attempt(async () => {
      await turns.child.ask({ do: "prepare", work, x: files.x, w: files.w }, LIMIT_SECONDS);
    });
  }
  for (let turn = 0; turn < options.turns; turn++) {
    for (const turns of all) {
      await turns.attempt(async () => {
        const { seconds } = options;
        const request = { do: "run", seconds };
        const reply = await turns.child.ask<{ nanoseconds: number[] }>(request, LIMIT_SECONDS);
        turns.times.push(...reply.nanoseconds);
      });
      await new Promise((resolve) => setTimeout(resolve, turns.child.settleMs));
    }
  }
  for (const turns of all) {
    let error = NaN;
    await turns.attempt(async () => {
      const { y, rows } = files;
      await turns.child.ask({ do: "show", y, rows, count: CHECKED.rows }, LIMIT_SECONDS);
      const result = await readFloats(y);
      error = relativeError(work, x, result, await readFloats(rows));
      if (!(error <= TOLERANCE)) throw new Error(`The result is wrong: relative error ${error}`);
      inspect?.(turns.child, result);
    });
    const { name: who, threads } = turns.child;
    if (turns.failed !== undefined) {
      emit({ who, failed: `${nameOf(work)}: ${turns.failed}` });
      continue;
    }
    emit({
      group: nameOf(work),
      ...(threads === undefined ? {} : { threads }),
      who,
      unit: "ns",
      value: median(turns.times),
      best: Math.min(...turns.times),
      runs: turns.times.length,
      error,
    });
  }
}

async function readFloats(path: string): Promise<Float32Array> {
  return new Float32Array((await Deno.readFile(path)).buffer);
}

/** Starts contestants and asks each who it is; one that does not start is reported and left out. */
export async function start(
  contestants: readonly ChildOptions[],
  running: AsyncDisposableStack,
): Promise<Child[]> {
  const children: Child[] = [];
  for (const options of contestants) {
    try {
      const child = running.use(new Child(options));
      const { about } = await child.ask<{ about: string }>({ do: "about" }, LIMIT_SECONDS);
      emit({ who: child.name, about });
      children.push(child);
    } catch (error) {
      emit({ who: options.name, failed: error instanceof Error ? error.message : String(error) });
    }
  }
  return children;
}
