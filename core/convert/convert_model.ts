/**
 * From one format to another.
 *
 * @module
 */

import type { Backend } from "../backend.ts";
import { SalientError } from "../errors.ts";
import { refuseLinear } from "../export/refuse_linear.ts";
import type { ExportFormat, StoredWeight } from "../export/types.ts";
import { openModel } from "../model/open_model.ts";
import type { Model, StoredLinear } from "../model/model.ts";
import { findOutput } from "../output/find_output.ts";
import type { ModelOutput, OutputFormat } from "../output/model_output.ts";
import { LinearRecord } from "../pipeline/linear_record.ts";
import { checkAborted, orInterrupted } from "../pipeline/until_aborted.ts";
import type { LinearInfo } from "../plugin.ts";
import { linearSource } from "./linear_source.ts";
import { withF16Scales } from "./with_f16_scales.ts";

/** Formats that hold plain numbers too. */
const PLAIN_FORMATS: readonly string[] = ["gguf", "dequantized"];
/** The format whose readers know of no quantization at all. */
const DEQUANTIZED = "dequantized";

/** What {@linkcode convertModel} takes. */
export interface ConvertOptions {
  /** The model, or where it is. */
  readonly model: Model | string;
  /** The backend; that of the model if it is open. */
  readonly backend: Backend;
  /** The format to write. */
  readonly format: ExportFormat | OutputFormat | string;
  /** Directory to write, which must not exist, or be empty; for `gguf` a file. */
  readonly out: string;
  /** Bytes of tensors after which a new file is begun. Default 5e9. */
  readonly shardBytes?: number | undefined;
  /** Ends the work: what was written is removed. */
  readonly signal?: AbortSignal | undefined;
  /** Is told of every linear. */
  readonly onProgress?: ((done: number, total: number, name: string) => void) | undefined;
  /** Takes words for the user. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** What was converted. */
export interface ConvertReport {
  /** Where the model was. */
  readonly model: string;
  /** The format it had; `safetensors` or `gguf` where its weights are plain numbers. */
  readonly from: string;
  /** The format that was written. */
  readonly format: string;
  /** What was written. */
  readonly out: string;
  /** Linears that were quantized, and are. */
  readonly linears: number;
  /** Bits of all of them; null where they differ or there are none. */
  readonly bits: number | null;
  /** Group size of all of them, -1 for whole rows; null as for `bits`. */
  readonly groupSize: number | null;
  /** Whether every integer, scale and zero point is what it was. */
  readonly lossless: boolean;
  /** Bytes of tensors before. */
  readonly bytesBefore: number;
  /** Bytes of tensors after. */
  readonly bytesAfter: number;
  /** Time, in seconds. */
  readonly seconds: number;
  /** Highest resident set of the process, in bytes. */
  readonly peakRssBytes: number;
  /** Name of the backend. */
  readonly backend: string;
}

/**
 * Writes a model in another format. Integers, scales and zero points stay what they are; where the format
 * cannot hold them, that is refused with the reason. One linear is in memory at a time, as integers. A plain model
 * becomes `gguf` or `dequantized` as it is.
 *
 * @throws {SalientError} `usage` or `input` for what is refused; `disk`, `failed` or `interrupted` for what went wrong
 * midway. Nothing is left behind then.
 *
 * @example A plain model as a GGUF file
 * ```ts
 * import { convertModel, createReferenceBackend } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * const folder = await Deno.makeTempDir();
 * const out = `${folder}/tiny.gguf`;
 * const report = await convertModel({ model: "models/salient-tiny", backend, format: "gguf", out });
 * assert.deepEqual([report.from, report.format, report.lossless], ["safetensors", "gguf", true]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function convertModel(options: ConvertOptions): Promise<ConvertReport> {
  return await orInterrupted(options.signal, () => convert(options));
}

async function convert(options: ConvertOptions): Promise<ConvertReport> {
  const start = performance.now();
  const { backend, out } = options;
  const format = findOutput(options.format);
  using opened = new DisposableStack();
  const model = typeof options.model === "string"
    ? opened.use(await openModel(options.model, backend))
    : options.model;
  const source = linearSource(model, PLAIN_FORMATS.includes(format.name));
  checkTarget(model, format, source.linears);
  const rounded = [...source.linears].find(([, stored]) => stored.activation !== undefined)?.[0];
  if (rounded !== undefined && format.name === DEQUANTIZED) {
    options.warn?.(
      `${rounded.name} and others have inputs in 8 bits, which ${DEQUANTIZED} leaves unrounded`,
    );
  }
  await using output = await format.create({
    model,
    ops: backend,
    out,
    shardBytes: options.shardBytes,
    ...(options.warn === undefined ? {} : { warn: options.warn }),
  });
  const record = new LinearRecord(format);
  let lossless = true;
  const linears = [...source.linears.keys()];
  for (const [done, linear] of linears.entries()) {
    checkAborted(options.signal ?? new AbortController().signal);
    options.onProgress?.(done, linears.length, linear.name);
    const { weight: read, exact, ...more } = await source.read(linear);
    using weight = read;
    const activation = format.activations ? more.activation : undefined;
    using written = withF16Scales(weight, format, ({ scales }) => backend.download(scales));
    format.check(linear, written.grid);
    checkOrder(linear, written, format);
    record.add(linear, written.grid, activation, written.inputOrder !== undefined);
    lossless &&= exact && format.isExact(written.grid);
    await output.addLinear(linear, written, activation);
    releaseLinear(model, linear);
  }
  await finish(output, model, record);
  return {
    model: model.directory,
    from: source.name,
    format: format.name,
    out,
    linears: linears.length,
    ...record.shared,
    lossless,
    bytesBefore: model.checkpoint.byteLength,
    bytesAfter: output.byteLength,
    seconds: (performance.now() - start) / 1000,
    peakRssBytes: backend.peakRssBytes(),
    backend: backend.name,
  };
}

async function finish(output: ModelOutput, model: Model, record: LinearRecord): Promise<void> {
  const { linears } = record;
  const skipped = model.linears.map(({ name }) => name).filter((name) => !linears.has(name));
  await output.finish({ linears, skipped });
  await output.commit();
}

/** Refuses before any work what is known to be impossible already. */
function checkTarget(
  model: Model,
  format: OutputFormat,
  stored: ReadonlyMap<LinearInfo, StoredLinear>,
): void {
  if (stored.size === 0 && !PLAIN_FORMATS.includes(format.name)) {
    throw new SalientError(
      "input",
      model.directory.endsWith(".gguf")
        ? `${model.directory} stores plain numbers, which ${format.name} does not hold: quantize it (salient quantize)`
        : `${model.directory} has no quantized linears to convert to ${format.name}: quantize it (salient quantize)`,
      { file: model.directory },
    );
  }
  for (const [linear, { bits, groupSize, activation }] of stored) {
    if (activation !== undefined && !format.activations && format.name !== DEQUANTIZED) {
      throw new SalientError(
        "input",
        `Format ${format.name} cannot say that the inputs of ${linear.name} are quantized to ` +
          `${activation.bits} bits: choose one for quantized activations`,
        { tensor: linear.name },
      );
    }
    // Whether zero points and scales fit is seen when they are read.
    format.check(linear, {
      bits,
      groupSize,
      symmetric: true,
      scaleDtype: format.scaleDtype === "weight" ? "F16" : format.scaleDtype,
      range: "zero",
    });
  }
}

/** Refuses groups of inputs that are not neighbours where the format cannot say which inputs are in one. */
function checkOrder(linear: LinearInfo, { inputOrder }: StoredWeight, format: OutputFormat): void {
  if (inputOrder === undefined || format.ordered === true) return;
  throw refuseLinear(
    format.name,
    linear,
    `has groups of neighbouring inputs, and those of ${linear.name} are not (desc_act): use gptq, gptq-v2, ` +
      `pack-quantized or dequantized`,
  );
}

function releaseLinear({ checkpoint }: Model, { name }: LinearInfo): void {
  for (const each of checkpoint.entries.keys()) {
    if (each.startsWith(`${name}.`)) checkpoint.release(each);
  }
}
