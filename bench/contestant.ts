/**
 * One side of a comparison: something that can do a work, again and again, and show its result. Each
 * runs in a process of its own and is spoken to in lines of JSON, so that its threads, memory and
 * crashes are its own; `peers/torch_products.py` speaks the same.
 *
 *     {"do":"prepare","work":{...},"x":FILE,"w":FILE}   read fp32 data, make weights, warm up
 *     {"do":"run","seconds":0.3}                        {"nanoseconds":[...]}, one for each iteration
 *     {"do":"show","y":FILE,"rows":FILE,"count":64}     the result and the first rows of the weight as
 *                                                       it was used, dequantized, all fp32
 *
 * @module
 */

import { serveLines } from "./serve_lines.ts";
import type { Work } from "./work.ts";

/** A work that is ready to be done. */
export interface Prepared {
  /** Does it once. */
  run(): Promise<void> | void;
  /** Works that one `run` is: copies of the weight that are all passed. Default 1. */
  readonly worksPerRun?: number;
  /** y [T, N] of the last run, and the first `count` rows [count, K] of the weight that was used. */
  show(count: number): Promise<{ y: Float32Array; rows: Float32Array }>;
  /** Frees it. */
  drop(): Promise<void> | void;
}

/** What a contestant is. */
export interface Contestant {
  /** Versions and how it runs, for the report. */
  readonly about: string;
  /** Makes a work ready. Throws where it cannot do it. */
  prepare(work: Work, x: Float32Array, w: Float32Array): Promise<Prepared> | Prepared;
}

interface Request {
  readonly do: "about" | "prepare" | "run" | "show";
  readonly work: Work;
  readonly x: string;
  readonly w: string;
  readonly y: string;
  readonly rows: string;
  readonly count: number;
  readonly seconds: number;
}

/** Times of single runs, at least two, until `seconds` have passed. */
export async function timeRuns(prepared: Prepared, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const works = prepared.worksPerRun ?? 1;
  const end = performance.now() + seconds * 1000;
  do {
    const start = performance.now();
    await prepared.run();
    times.push((performance.now() - start) * 1e6 / works);
  } while (performance.now() < end || times.length < 2);
  return times;
}

/** Answers requests from standard input until it ends. */
export async function serve(open: () => Promise<Contestant>): Promise<void> {
  let contestant: Contestant | undefined;
  let prepared: Prepared | undefined;
  async function answer(request: Request): Promise<object> {
    contestant ??= await open();
    if (request.do === "about") return { about: contestant.about };
    if (request.do === "prepare") {
      await prepared?.drop();
      prepared = undefined;
      prepared = await contestant.prepare(
        request.work,
        await readFloats(request.x),
        await readFloats(request.w),
      );
      await timeRuns(prepared, 0);
      return {};
    }
    if (prepared === undefined) throw new Error("Nothing was prepared");
    if (request.do === "run") return { nanoseconds: await timeRuns(prepared, request.seconds) };
    const { y, rows } = await prepared.show(request.count);
    await writeFloats(request.y, y);
    await writeFloats(request.rows, rows);
    return {};
  }
  await serveLines(answer);
  await prepared?.drop();
}

async function readFloats(path: string): Promise<Float32Array> {
  return path === "" ? new Float32Array() : new Float32Array((await Deno.readFile(path)).buffer);
}

/** Writes fp32 values as they lie in memory. */
export async function writeFloats(path: string, values: Float32Array): Promise<void> {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  await Deno.writeFile(path, bytes as Uint8Array<ArrayBuffer>);
}
