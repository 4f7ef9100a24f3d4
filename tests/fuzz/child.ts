/**
 * Fuzzes readers one after the other and prints a line of JSON for each fault and each reader. It may die: the file of
 * the case at hand is on the disk then, and its name in the journal.
 *
 * @module
 */

import type { Backend } from "../../core/backend.ts";
import { testBackends } from "../test_backends.ts";
import { type FoundFault, type FuzzJob, packFiles } from "./fuzz_job.ts";
import type { FuzzReader } from "./fuzz_reader.ts";
import { Dice } from "./mutate/dice.ts";
import { mutateFiles } from "./mutate/mutate_files.ts";
import { findReader } from "./readers/all_readers.ts";
import { runCase, writeCase } from "./run_case.ts";

/** Distinct faults after which a reader is left alone. */
const MOST_FAULTS = 12;
/** Seconds from which memory is looked at. */
const LONG = 20;
/** Bytes by which the resident set may grow in the second half of a long run. */
const MOST_GROWTH = 48 * 2 ** 20;

const job = JSON.parse(Deno.args[0]!) as FuzzJob;
using backend = await testBackends().at(-1)!.create();
for (const name of job.readers) await fuzz(findReader(name), backend);

async function fuzz(reader: FuzzReader, backend: Backend): Promise<void> {
  const folder = `${job.work}/corpus`;
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${job.work}/journal`, `${reader.name} corpus`);
  const corpus = await reader.corpus(folder, backend);
  await Deno.remove(folder, { recursive: true });
  const counts = { accepted: 0, refused: 0, fault: 0 };
  const seen = new Set<string>();
  const directory = `${job.work}/case`;

  /** Runs one case; `number` is below 0 for the corpus itself, which must be accepted. */
  async function run(number: number, dice: Dice): Promise<void> {
    const valid = corpus.at(number);
    const files = number < 0 ? valid! : mutateFiles(dice.pick(corpus), dice);
    await writeCase(directory, files);
    await Deno.writeTextFile(`${job.work}/journal`, `${reader.name} ${number}`);
    let outcome = await runCase(reader, directory, backend);
    if (number < 0 && outcome.kind === "refused") {
      outcome = { kind: "fault", text: `A valid file is refused: ${outcome.text}` };
    }
    counts[outcome.kind]++;
    if (outcome.kind === "fault") {
      const kind = outcome.text.replaceAll(/\d+/g, "0").split("\n").slice(0, 3).join("\n");
      if (!seen.has(kind)) {
        seen.add(kind);
        const { seed } = job;
        const found = { reader: reader.name, seed, case: number, text: outcome.text };
        say({ fault: { ...found, files: packFiles(files) } });
      }
    }
    await Deno.remove(directory, { recursive: true });
  }

  for (let i = 1; i <= corpus.length; i++) await run(-i, new Dice(""));
  const start = performance.now();
  let half = 0;
  let number = 0;
  for (; seen.size < MOST_FAULTS; number++) {
    const seconds = (performance.now() - start) / 1000;
    if (seconds >= job.seconds) break;
    if (half === 0 && seconds >= job.seconds / 2) half = residentBytes();
    await run(number, new Dice(`${job.seed} ${reader.name} ${number}`));
  }
  const growth = residentBytes() - half;
  if (job.seconds >= LONG && growth > MOST_GROWTH && seen.size < MOST_FAULTS) {
    const text = `Memory grows by ${Math.round(growth / 2 ** 20)} MiB in half of the time`;
    say({ fault: { reader: reader.name, seed: job.seed, case: number, text, files: {} } });
  }
  say({ done: { reader: reader.name, cases: number, ...counts, growth } });
}

function residentBytes(): number {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  backend.trim();
  return Deno.memoryUsage().rss;
}

function say(line: { readonly fault: FoundFault } | { readonly done: object }): void {
  console.log(JSON.stringify(line));
}
