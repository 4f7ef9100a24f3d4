/**
 * The figures of `shared/README.md` and the protocol that gives ours.
 *
 * @module
 */

import type { Backend } from "../../core/backend.ts";
import type { CalibrationSet } from "../../core/calibration/types.ts";
import { perplexity } from "../../core/eval/perplexity.ts";
import type { Model } from "../../core/model/model.ts";
import { openModel } from "../../core/model/open_model.ts";
import { quantizeInMemory } from "../../core/pipeline/quantize_in_memory.ts";
import type { QuantizeReport } from "../../core/pipeline/report.ts";
import type { RunOptions } from "../../core/pipeline/run_options.ts";
import type { Plugin } from "../../core/plugin.ts";
import { loadTokenizer } from "../../core/tokenizer/load_tokenizer.ts";

/** One row of the table: perplexities of the published algorithms. */
export interface Figures {
  readonly bits: number;
  readonly groupSize: number;
  readonly rtn: number;
  readonly awqWithoutClip: number;
  readonly awq: number;
  readonly gptq: number;
}

/** A model of the table. */
export interface Subject {
  readonly model: string;
  readonly text: string;
  readonly samples: number;
  readonly original: number;
  readonly rows: readonly Figures[];
}

const SEQ_LEN = 256;
const SHARED = new URL("../../../shared/", import.meta.url);

function row(
  bits: number,
  groupSize: number,
  rtn: number,
  awqWithoutClip: number,
  awq: number,
  gptq: number,
): Figures {
  return { bits, groupSize, rtn, awqWithoutClip, awq, gptq };
}

/** The table of `shared/README.md`. */
export const SUBJECTS: readonly Subject[] = [
  {
    model: "TinyStories-656K",
    text: "tinystories",
    samples: 68,
    original: 35.9545,
    rows: [
      row(4, 128, 38.629, 38.710, 38.378, 37.471),
      row(4, 32, 37.716, 37.639, 37.633, 37.013),
      row(3, 128, 56.219, 53.226, 47.867, 45.043),
      row(3, 32, 46.063, 45.381, 43.830, 41.870),
    ],
  },
  {
    model: "salient-tiny",
    text: "sotu",
    samples: 64,
    original: 23.1847,
    rows: [
      row(4, 128, 24.514, 24.496, 24.278, 24.109),
      row(4, 32, 24.000, 23.903, 23.880, 23.772),
      row(3, 128, 30.219, 30.210, 28.283, 28.374),
      row(3, 32, 27.327, 27.297, 26.490, 26.048),
    ],
  },
];

/** Whether the folder of shared models is there. */
export function hasShared({ model }: Subject): boolean {
  try {
    return Deno.statSync(new URL(`models/${model}/`, SHARED)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Where a subject's model lies. */
export function directoryOf({ model }: Subject): string {
  return new URL(`models/${model}/`, SHARED).pathname;
}

/** What came of a run. */
export interface Measurement {
  readonly perplexity: number;
  readonly report: QuantizeReport;
}

/** A model that is open, with its texts as tokens. */
export class Laboratory implements Disposable {
  readonly model: Model;
  readonly #calibration: CalibrationSet;
  readonly #test: Int32Array;

  private constructor(model: Model, calibration: CalibrationSet, test: Int32Array) {
    this.model = model;
    this.#calibration = calibration;
    this.#test = test;
  }

  /**
   * Opens a subject's model, or what was made of it in another directory, and tokenizes its texts, each as a whole.
   */
  static async open(subject: Subject, backend: Backend, directory?: string): Promise<Laboratory> {
    const { text, samples } = subject;
    const pathname = directory ?? directoryOf(subject);
    const tokenizer = await loadTokenizer(pathname);
    const read = async (part: string): Promise<Int32Array> =>
      tokenizer.encode(await Deno.readTextFile(new URL(`text/${text}-${part}.txt`, SHARED)));
    const ids = (await read("calibration")).slice(0, samples * SEQ_LEN);
    const calibration = {
      ids,
      samples,
      seqLen: SEQ_LEN,
      tokens: ids.length,
      source: text,
      documents: 1,
    };
    return new Laboratory(await openModel(pathname, backend), calibration, await read("test"));
  }

  /** Perplexity of the model as it is. */
  async original(): Promise<number> {
    return (await perplexity(this.model, this.#test, { seqLen: SEQ_LEN })).perplexity;
  }

  /** Perplexity of the model after the plugins, and the report of the run. */
  measure(...plugins: readonly Plugin[]): Promise<Measurement> {
    return this.measureRun({ plugins });
  }

  /** The same, with whatever else a run takes. */
  async measureRun(
    options: Pick<RunOptions, "plugins" | "rules" | "targetBits">,
  ): Promise<Measurement> {
    const { model, report } = await quantizeInMemory({
      ...options,
      model: this.model,
      backend: this.model.backend,
      calibration: this.#calibration,
    });
    using quantized = model;
    const { perplexity: found } = await perplexity(quantized, this.#test, { seqLen: SEQ_LEN });
    return { perplexity: found, report };
  }

  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
  }
}
