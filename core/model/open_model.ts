/**
 * Opens models.
 *
 * @module
 */

import type { Backend, Weight } from "../backend.ts";
import { openCheckpoint } from "../checkpoint/open_checkpoint.ts";
import type { Checkpoint, JsonObject } from "../checkpoint/types.ts";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import { recogniseFormat } from "../export/formats.ts";
import { refuseQuantizedEnds } from "../export/quantized_ends.ts";
import { withQuantizationFile } from "../export/quantization_file.ts";
import { withScaledFloats } from "../export/scaled_floats.ts";
import { openGgufCheckpoint } from "../gguf/open_gguf_checkpoint.ts";
import { storedActivation } from "../export/stored_activation.ts";
import type { LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import type { Architecture } from "./architecture.ts";
import { checkScales } from "./check_scales.ts";
import { ConfigReader } from "./config_reader.ts";
import type { ModelConfig } from "./config.ts";
import type { Family } from "./family.ts";
import { findFamily } from "./families/find_family.ts";
import { hasPlainWeight } from "./has_plain_weight.ts";
import { type BlockSource, listLinears, loadBlock } from "./load_block.ts";
import type { Block, EmbeddedRows, Model, StoredQuantization } from "./model.ts";
import { ModelEnds } from "./model_ends.ts";
import { RopeCache } from "./rope_cache.ts";

/** How {@linkcode openModel} opens. */
export interface OpenModelOptions {
  /** What the model is, in place of the family that `config.json` names: `loadFamily` reads one from a file. */
  readonly family?: Family | undefined;
}

/**
 * Opens a checkpoint as a model: recognises its family and, if it is quantized, its format, and checks
 * that every tensor is there with the shape that `config.json` gives it. No weight is read yet.
 *
 * @param directory A Hugging Face directory, or a GGUF file: its name ends in `.gguf`.
 * @param backend Holds the tensors and runs the model; must outlive it.
 * @returns The model. The caller disposes it.
 * @throws {SalientError} `input`, naming the key of `config.json` or the tensor at fault.
 *
 * @example The first block's output for three tokens
 * ```ts
 * import { createReferenceBackend, openModel } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * using model = await openModel("models/salient-tiny", backend);
 * using hidden = await model.embed(Int32Array.of(35, 461, 457));
 * using block = await model.loadBlock(0);
 * using output = await block.run(hidden, { sequences: 1 });
 * assert.deepEqual(output.shape, [3, 128]);
 * ```
 */
export async function openModel(
  directory: string,
  backend: Backend,
  options: OpenModelOptions = {},
): Promise<Model> {
  using opened = new DisposableStack();
  const checkpoint = directory.endsWith(".gguf")
    ? opened.use(await openGgufCheckpoint(directory, backend))
    : withScaledFloats(opened.use(await openCheckpoint(directory, backend)), backend);
  const rawConfig = await withQuantizationFile(checkpoint);
  refuseQuantizedEnds(checkpoint);
  const family = options.family === undefined
    ? findFamily(checkpoint.config)
    : checkFamily(options.family, checkpoint);
  const described = family.describe(checkpoint.config, (name) => checkpoint.entries.has(name));
  const config = withGenerationEos(described.config, checkpoint);
  const architecture = { ...described, config };
  const recognised = recogniseFormat(rawConfig);
  if (recognised !== undefined) checkScales(checkpoint, backend);
  const tables = new Map<string, RopeCache>();
  for (const [name, rope] of Object.entries(architecture.ropes)) {
    tables.set(name, opened.use(new RopeCache(backend, rope, config.maxPositions)));
  }
  const source: BlockSource = {
    checkpoint,
    architecture,
    backend,
    ropes: tables,
    decode: recognised === undefined ? undefined : async (info) => {
      const { format, stored } = recognised;
      using weight = await format.decode(checkpoint, info, stored, backend);
      const activation = await storedActivation(format, checkpoint, info, stored, backend);
      const { inputOrder } = weight;
      return { weight: await backend.pack(weight), activation, inputOrder };
    },
  };
  const ends = opened.use(ModelEnds.open(checkpoint, architecture, backend));
  const linears = listLinears(source);
  return new OpenModel({
    source,
    rawConfig,
    family,
    linears,
    ends,
    quantization: recognised && withPlain(recognised.stored, checkpoint),
    opened: opened.move(),
  });
}

interface ModelParts {
  readonly source: BlockSource;
  readonly rawConfig: JsonObject;
  readonly family: Family;
  readonly linears: readonly LinearInfo[];
  readonly ends: ModelEnds;
  readonly quantization: StoredQuantization | undefined;
  readonly opened: Disposable;
}

class OpenModel implements Model {
  readonly directory: string;
  readonly family: Family;
  readonly config: ModelConfig;
  readonly architecture: Architecture;
  readonly rawConfig: JsonObject;
  readonly backend: Backend;
  readonly checkpoint: Checkpoint;
  readonly quantization: StoredQuantization | undefined;
  readonly linears: readonly LinearInfo[];
  readonly #parts: ModelParts;

  constructor(parts: ModelParts) {
    const { checkpoint, architecture, backend } = parts.source;
    this.directory = checkpoint.directory;
    this.family = parts.family;
    this.architecture = architecture;
    this.config = architecture.config;
    this.rawConfig = parts.rawConfig;
    this.backend = backend;
    this.checkpoint = checkpoint;
    this.quantization = parts.quantization;
    this.linears = parts.linears;
    this.#parts = parts;
  }

  async loadBlock(index: number): Promise<Block> {
    this.#checkIndex(index);
    const infos = this.linears.filter((info) => info.block === index);
    return await loadBlock(this.#parts.source, index, infos);
  }

  releaseBlock(index: number): void {
    this.#checkIndex(index);
    const prefix = `${this.architecture.block(index).name}.`;
    for (const name of this.checkpoint.entries.keys()) {
      if (name.startsWith(prefix)) this.checkpoint.release(name);
    }
  }

  async embed(ids: Int32Array, rows?: EmbeddedRows): Promise<Tensor> {
    return await this.#parts.ends.embed(ids, rows);
  }

  async finalNorm(hidden: Tensor): Promise<Tensor> {
    return await this.#parts.ends.finalNorm(hidden);
  }

  headWeight(): Promise<Tensor> {
    return Promise.resolve(this.#parts.ends.head);
  }

  async logits(hidden: Tensor, head?: Weight): Promise<Tensor> {
    return await this.#parts.ends.logits(hidden, head);
  }

  [Symbol.dispose](): void {
    this.#parts.opened[Symbol.dispose]();
  }

  #checkIndex(index: number): void {
    if (Number.isInteger(index) && index >= 0 && index < this.config.blocks) return;
    throw new SalientError(
      "failed",
      `Block ${index} is not among the ${this.config.blocks} of ${this.directory}`,
    );
  }
}

/** A family that was given must be one of this kind of model. */
function checkFamily(family: Family, { config, directory }: Checkpoint): Family {
  const named = new ConfigReader(config).strings("architectures") ?? [];
  if (named.some((name) => family.architectures.includes(name))) return family;
  throw new SalientError(
    "input",
    `The family ${family.name} is of ${family.architectures.join(", ").slice(0, 160)}, but ` +
      `${directory} is ${
        named.length === 0 ? "of no architecture" : showName(named.join(", "))
      }: name it there too`,
    { file: directory },
  );
}

/** `generation_config.json` may name more ids that end a text than `config.json` does. */
function withGenerationEos(config: ModelConfig, checkpoint: Checkpoint): ModelConfig {
  if (checkpoint.generationConfig === undefined) return config;
  const more = new ConfigReader(checkpoint.generationConfig, "", "generation_config.json")
    .integers("eos_token_id", { min: 0, max: 2 ** 31 - 1 });
  return { ...config, eosIds: [...new Set([...config.eosIds, ...more])] };
}

/** Linears whose weight is there as it is are plain, whatever the configuration says. */
function withPlain(stored: StoredQuantization, checkpoint: Checkpoint): StoredQuantization {
  return {
    ...stored,
    of: (linear) => hasPlainWeight(checkpoint, linear.name) ? undefined : stored.of(linear),
  };
}
