/**
 * Our products against those of libraries that could have been used instead, in turns, on the same data: all threads, and one
 * thread for the works of fewest tokens. Also whether each gives the same bits with one thread and with all, what it adds
 * to the bytes that are shipped, and what it lacks.
 *
 *     deno task bench:libraries [--threads N] [--tiny]
 *
 * @module
 */

import type { Child, ChildOptions } from "../child.ts";
import { compare, filesIn, start } from "../compare_works.ts";
import { ours } from "../contestants.ts";
import { emit } from "../measure.ts";
import { readOptions } from "../options.ts";
import { COMPARED, shrink } from "../shapes.ts";
import type { ProductWork } from "../work.ts";
import { buildLibrary, weigh } from "./build_libraries.ts";
import { HIGHWAY, LIBRARIES, type Library } from "./libraries.ts";

/** Seconds and number of turns: fewer than elsewhere, as there are many contestants. */
const DEFAULTS = ["--seconds", "0.15", "--turns", "2"] as const;

const options = readOptions([...DEFAULTS, ...Deno.args]);
const counts = [...new Set([1, options.threads])];

/** The works, as `products` has them. */
function works(): ProductWork[] {
  const all = COMPARED["products"]!.filter((work) => work.kind === "product");
  return all.map((work) => options.tiny ? shrink(work) as ProductWork : work);
}

function contestantsOf(library: Library, program: string): ChildOptions[] {
  return counts.map((threads) => {
    return { name: library.name, program, args: [`${threads}`, ...library.args], threads };
  });
}

/** Builds the libraries that are installed. */
async function build(): Promise<ChildOptions[]> {
  const built: ChildOptions[] = [];
  for (const library of options.alone ? [] : LIBRARIES) {
    try {
      built.push(...contestantsOf(library, await buildLibrary(library)));
    } catch (error) {
      emit({
        who: library.name,
        failed: `Not installed, or it cannot be built: ${messageOf(error)}`,
      });
    }
  }
  return built;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function takesPart(child: Child, stored: string): Promise<boolean> {
  if (stored === "fp32") return true;
  const { bf16 } = await child.ask<{ bf16?: boolean }>({ do: "about" }, 10);
  return bf16 !== false;
}

/** Results of one thread, which those of more are held against. */
class SameBits {
  readonly #first = new Map<string, Uint8Array>();
  /** By name: works compared, and works with the same bits. */
  readonly #found = new Map<string, { all: number; same: number }>();

  add(name: string, y: Float32Array): void {
    const bytes = new Uint8Array(y.buffer, y.byteOffset, y.byteLength);
    const before = this.#first.get(name);
    if (before === undefined) {
      this.#first.set(name, bytes);
      return;
    }
    const found = this.#found.get(name) ?? { all: 0, same: 0 };
    const same = before.length === bytes.length && before.every((byte, i) => byte === bytes[i]);
    this.#found.set(name, { all: found.all + 1, same: found.same + (same ? 1 : 0) });
  }

  /** Forgets the results of a work. */
  next(): void {
    this.#first.clear();
  }

  emit(): void {
    const group = `same bits with 1 and ${options.threads} threads`;
    for (const [who, { all, same }] of this.#found) {
      emit({ group, who, unit: "ratio", value: same / all, note: `part of ${all} products` });
    }
  }
}

/** What each adds to the bytes that are shipped. */
async function emitSizes(names: ReadonlySet<string>): Promise<void> {
  const group = "bytes shipped";
  const { arch, os } = Deno.build;
  const own = new URL(`../../ffi/native/prebuilt/${os}-${arch}/libsalient_cpu.so`, import.meta.url);
  const value = (await Deno.stat(own)).size;
  emit({ group, who: "salient", unit: "bytes", value, note: "everything, not the products alone" });
  // A library that takes part in two forms is weighed once.
  for (const [, [library]] of Map.groupBy(LIBRARIES, ({ weight }) => weight)) {
    if (library === undefined || !names.has(library.name)) continue;
    const what = "shared" in library.weight
      ? "shared library, there is no archive"
      : "its product linked in";
    try {
      const bytes = await weigh(library);
      const note = `${what}; lacks for us: ${library.lacks}`;
      emit({ group, who: library.name, unit: "bytes", value: bytes, note });
    } catch (error) {
      emit({ who: library.name, failed: `Its size is not known: ${messageOf(error)}` });
    }
  }
  emit({ who: "Highway", about: HIGHWAY });
}

const folder = await Deno.makeTempDir({ prefix: "salient-bench-" });
try {
  await using running = new AsyncDisposableStack();
  const own = counts.map((threads) => ({ ...ours({ ...options, threads }), threads }));
  const children = await start([...own, ...await build()], running);
  await emitSizes(new Set(children.map(({ name }) => name)));
  const bits = new SameBits();
  const fewest = Math.min(...works().map(({ T }) => T));
  for (const work of works()) {
    const taking: Child[] = [];
    for (const child of children) {
      const few = child.threads === 1 && counts.length > 1 && work.T > fewest;
      if (!few && await takesPart(child, work.stored)) taking.push(child);
    }
    await compare(work, taking, filesIn(folder), options, (child, y) => {
      bits.add(child.name, y);
    });
    bits.next();
  }
  bits.emit();
} finally {
  await Deno.remove(folder, { recursive: true });
}
