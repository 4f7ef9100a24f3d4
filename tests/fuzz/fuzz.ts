/**
 * `deno task fuzz`: damages small valid files and reads them, for each reader for some time.
 *
 *     deno task fuzz [--seconds 60] [--reader NAME]... [--seed N] [--out FOLDER]
 *     deno task fuzz --replay FILE
 *
 * Each case must be read, or be refused with one line and exit status 2. What ends otherwise is saved under FOLDER
 * (`fuzz-faults`), and `--replay` runs it again with its stack.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { testBackends } from "../test_backends.ts";
import { type FoundFault, unpackFiles } from "./fuzz_job.ts";
import { allReaders, findReader } from "./readers/all_readers.ts";
import { runCase, writeCase } from "./run_case.ts";
import { fuzzReaders } from "./watch_child.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "60" },
    reader: { type: "string", multiple: true },
    seed: { type: "string" },
    out: { type: "string", default: "fuzz-faults" },
    replay: { type: "string" },
  },
});
Deno.exitCode = values.replay === undefined ? await fuzz() : await replay(values.replay);

async function fuzz(): Promise<number> {
  const names = values.reader ?? allReaders.map(({ name }) => name);
  const readers = names.map((name) => findReader(name).name);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const seconds = Number(values.seconds);
  if (!Number.isSafeInteger(seed) || !(seconds > 0)) {
    throw new Error("--seed and --seconds are numbers");
  }
  console.log(`Seed ${seed}, ${seconds} s for each of ${readers.join(", ")}`);
  const { faults } = await fuzzReaders({ readers, seconds, seed }, (report) => {
    const { reader, cases, accepted, refused, fault, growth } = report;
    console.log(
      `${
        reader.padEnd(16)
      } ${cases} cases, ${accepted} read, ${refused} refused, ${fault} faults, ` +
        `memory ${(growth / 2 ** 20).toFixed(1)} MiB`,
    );
  });
  if (faults.length > 0) await Deno.mkdir(values.out, { recursive: true });
  for (const found of faults) {
    const path = `${values.out}/${found.reader}-${found.seed}-${found.case}.json`;
    await Deno.writeTextFile(path, JSON.stringify(found));
    console.error(`\n${path}\n${found.text}`);
  }
  return faults.length === 0 ? 0 : 1;
}

async function replay(path: string): Promise<number> {
  const found = JSON.parse(await Deno.readTextFile(path)) as FoundFault;
  using backend = await testBackends().at(-1)!.create();
  const folder = await Deno.makeTempDir({ prefix: "salient-fuzz-" });
  try {
    await writeCase(folder, unpackFiles(found.files));
    const outcome = await runCase(findReader(found.reader), folder, backend);
    console.log(outcome.kind === "accepted" ? outcome.kind : outcome.text);
    return outcome.kind === "fault" ? 1 : 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
