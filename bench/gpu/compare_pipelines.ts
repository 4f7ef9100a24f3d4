/**
 * Whether the pipeline makes the same of a model on CUDA as on the CPU: AWQ's chosen exponents, and the perplexity of what
 * AWQ and GPTQ write, measured on the backend that wrote it.
 *
 *     deno run -A bench/gpu/compare_pipelines.ts --rows FILE [--texts FOLDER] [--tiny] MODEL...
 *
 * FOLDER holds `default.txt` and `held-out.txt`, for machines without the packages that these texts come from.
 *
 * @module
 */

import { parseArgs } from "node:util";
import {
  awq,
  gptq,
  loadCalibration,
  loadTokenizer,
  openBackend,
  openModel,
  perplexity,
  quantize,
  type QuantizeReport,
  readText,
} from "../../mod.ts";
import { appendRows, type TargetRow, targetRow } from "./target_row.ts";

const SAME_SETS = 0.95;
const SAME_PERPLEXITY = 0.2;
const METHODS = { awq, gptq } as const;
/** Options that make a search short, by method. */
const TINY = {
  awq: { gridPoints: 2, finalists: 1, outputs: 16, clip: { steps: 2, sweeps: 1 } },
  gptq: { sequential: false, propagate: false, ranges: false },
} as const;

interface Made {
  readonly perplexity: number;
  /** Exponents by block and place of the input, and so by set. */
  readonly exponents: ReadonlyMap<string, number | null>;
  readonly report: QuantizeReport;
}

async function make(
  name: "cpu" | "cuda",
  method: keyof typeof METHODS,
  directory: string,
): Promise<Made> {
  using backend = await openBackend(name);
  const tokenizer = await loadTokenizer(directory);
  const folder = await Deno.makeTempDir({ prefix: "salient-gpu-" });
  try {
    const [samples, seqLen, windows] = tiny ? [1, 16, 1] : [64, 128, 64];
    const calibration = await loadCalibration({
      source: textOf("default"),
      tokenizer,
      samples,
      seqLen,
    });
    using model = await openModel(directory, backend);
    // What fits any width.
    const groupSize = model.linears.every(({ shape }) => shape[1] % 32 === 0) ? 32 : -1;
    const plugins = [METHODS[method]({ bits: 4, groupSize, ...(tiny ? TINY[method] : {}) })];
    const out = `${folder}/out`;
    const report = await quantize({ model, backend, calibration, plugins, out });
    const sites = new Map(
      model.linears.map((linear) => [linear.name, `${linear.block} ${linear.site}`]),
    );
    using quantized = await openModel(out, backend);
    const { text } = await readText(textOf("held-out"));
    const ids = tokenizer.encode(text).subarray(0, windows * seqLen);
    const result = await perplexity(quantized, ids, { seqLen });
    return {
      perplexity: result.perplexity,
      exponents: new Map(
        report.layers.map(({ name, scaleExponent }) => [sites.get(name) ?? name, scaleExponent]),
      ),
      report,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function compare(directory: string): Promise<TargetRow[]> {
  const model = directory.replace(/\/+$/, "").split("/").at(-1) ?? directory;
  const rows: TargetRow[] = [];
  for (const method of ["awq", "gptq"] as const) {
    const cpu = await make("cpu", method, directory);
    const cuda = await make("cuda", method, directory);
    const shift = Math.abs(cuda.perplexity / cpu.perplexity - 1) * 100;
    const note = `${cuda.perplexity.toFixed(4)} and ${cpu.perplexity.toFixed(4)}; ` +
      `${cuda.report.seconds.toFixed(1)} s and ${cpu.report.seconds.toFixed(1)} s`;
    const work = `${model}, ${method} on CUDA and on the CPU`;
    if (method === "awq") {
      const sets = [...cpu.exponents];
      const same = sets.filter(([set, exponent]) => cuda.exponents.get(set) === exponent).length;
      rows.push(targetRow(`${work}, same exponents`, same / sets.length, "of the sets", {
        bound: { least: SAME_SETS },
        note: `${same} of ${sets.length}`,
        isMeasured: !tiny,
      }));
    }
    const bound = { most: SAME_PERPLEXITY };
    rows.push(
      targetRow(`${work}, perplexity`, shift, "% apart", { bound, note, isMeasured: !tiny }),
    );
  }
  return rows;
}

const { values, positionals: models } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    rows: { type: "string", default: "/dev/stdout" },
    texts: { type: "string" },
    tiny: { type: "boolean", default: false },
  },
});
const { rows: path, texts, tiny } = values;

/** A text by its name, or the file that stands for it. */
function textOf(name: string): string {
  return texts === undefined ? name : `${texts}/${name}.txt`;
}

if (models.length === 0) throw new Error("Give at least one directory of a model");
let missed = 0;
for (const directory of models) {
  const rows = await compare(directory);
  appendRows(path, rows);
  missed += rows.filter(({ met }) => met === false).length;
}
if (missed > 0) throw new Error(`${missed} comparisons are off`);
