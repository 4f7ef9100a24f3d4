/**
 * AWQ's Tables 1 and 2 on a model: what keeping or scaling the salient channels does to perplexity.
 *
 *     deno task bench:salience
 *     deno task bench:salience --model DIR --name NAME --calib SOURCE --text SOURCE --seq-len N
 *         --samples N --windows N --bits 3,4 --group-size 128 --draws 3
 *     deno task bench:salience --write
 *
 * Adds to `results/salience.json`, then writes the tables of `docs/salience.md` and the chart `docs/salience.svg` from
 * all that is in there; `--write` only does the latter.
 *
 * @module
 */

import {
  loadCalibration,
  loadTokenizer,
  openBackend,
  openModel,
  readText,
  salienceChart,
  studySalience,
} from "../mod.ts";
import { parseArgs } from "node:util";
import { salienceTables, type StudiedModel } from "./salience_tables.ts";

const RESULTS = new URL("results/salience.json", import.meta.url);
const PAGE = new URL("../docs/salience.md", import.meta.url);
const CHART = new URL("../docs/salience.svg", import.meta.url);
/** Where the tables stand in the page. */
const BEGIN = "<!-- tables begin: written by `deno task bench:salience` -->";
const END = "<!-- tables end -->";

async function readResults(): Promise<StudiedModel[]> {
  try {
    return JSON.parse(await Deno.readTextFile(RESULTS));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function study(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: "string", default: "models/salient-tiny" },
      name: { type: "string" },
      calib: { type: "string", default: "default" },
      text: { type: "string", default: "held-out" },
      "seq-len": { type: "string", default: "256" },
      samples: { type: "string", default: "128" },
      windows: { type: "string", default: "1000000" },
      bits: { type: "string", default: "3,4" },
      "group-size": { type: "string", default: "128" },
      draws: { type: "string", default: "3" },
    },
  });
  const seqLen = Number(values["seq-len"]);
  using backend = await openBackend("auto");
  using model = await openModel(values.model, backend);
  const tokenizer = await loadTokenizer(values.model);
  const calibration = await loadCalibration({
    source: values.calib,
    tokenizer,
    samples: Number(values.samples),
    seqLen,
  });
  const text = await readText(values.text);
  const ids = tokenizer.encode(text.text).subarray(0, Number(values.windows) * seqLen);
  const name = values.name ?? values.model.replace(/^.*\//, "");
  const groupSize = Number(values["group-size"]);
  for (const bits of values.bits.split(",").map(Number)) {
    const started = performance.now();
    const found = await studySalience({
      model,
      calibration,
      ids,
      seqLen,
      grid: { bits, groupSize },
      draws: Number(values.draws),
      onMeasured: ({ what, perplexity, done, total }) =>
        console.error(`${name} ${bits} bits ${done}/${total} ${what}: ${perplexity.toFixed(4)}`),
    });
    const studied: StudiedModel = {
      name,
      study: found,
      calibration: `${calibration.tokens} tokens of ${values.calib.replace(/^.*\//, "")}`,
      text: text.name.replace(/^.*\//, ""),
      seconds: (performance.now() - started) / 1000,
    };
    const isOther = (other: StudiedModel): boolean =>
      other.name !== name || other.study.bits !== bits || other.study.groupSize !== groupSize;
    const all = [...(await readResults()).filter(isOther), studied]
      .sort((a, b) => a.name.localeCompare(b.name) || a.study.bits - b.study.bits);
    await Deno.writeTextFile(RESULTS, JSON.stringify(all, null, 1) + "\n");
  }
}

async function write(): Promise<void> {
  const all = await readResults();
  const page = await Deno.readTextFile(PAGE);
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error("docs/salience.md has no place for the tables");
  const tables = salienceTables(all);
  await Deno.writeTextFile(
    PAGE,
    `${page.slice(0, from + BEGIN.length)}\n\n${tables.trim()}\n\n${page.slice(to)}`,
  );
  const rows = all.map(({ name, study }) => ({ title: name, study }));
  await Deno.writeTextFile(CHART, await salienceChart(rows) + "\n");
}

if (import.meta.main) {
  if (!Deno.args.includes("--write")) await study(Deno.args);
  await write();
}
