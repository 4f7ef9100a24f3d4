/**
 * Which files of a repository are needed.
 *
 * @module
 */

import { isCompanion } from "../checkpoint/companions.ts";
import { INDEX_FILE, SINGLE_FILE } from "../checkpoint/list_shards.ts";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import type { HubModel } from "./hub_model.ts";
import type { RemoteFile } from "./remote_file.ts";

/** What is fetched before the names of the shards are known. */
export interface Selection {
  /** Configuration, tokenizer, template, licence, and the index or the single file of weights. */
  readonly files: readonly RemoteFile[];
  /** Whether the index among them names more. */
  readonly sharded: boolean;
}

/** Configurations that quantizers wrote beside `config.json`. */
export const CONFIGS: ReadonlySet<string> = new Set([
  "config.json",
  "quantize_config.json",
  "quant_config.json",
  "quantization_config.json",
]);

/** As many as the reader of GGUF files takes. */
const MOST_PARTS = 1000;

/**
 * Chooses `config.json`, what travels with weights, and the safetensors that a reader would open: never the same
 * weights a second time as `.bin`, `.pth` or under `original/`.
 *
 * @throws {SalientError} `input` where the repository has none, with what it has instead.
 */
export function selectFiles(
  files: readonly RemoteFile[],
  model: HubModel,
  endpoint: string,
): Selection {
  const byName = new Map(files.map((file) => [file.path, file]));
  if (model.file !== undefined) {
    const file = byName.get(model.file);
    if (file !== undefined) return { files: partsOf(file, byName, model), sharded: false };
    throw refuse(model, `does not have the file ${showName(model.file)}`, chooseGguf(model, files));
  }
  const small = files.filter(({ path }) => CONFIGS.has(path) || isCompanion(path));
  const single = byName.get(SINGLE_FILE);
  if (single !== undefined && byName.has("config.json")) {
    return { files: [...small, single], sharded: false };
  }
  const index = byName.get(INDEX_FILE);
  if (index !== undefined && byName.has("config.json")) {
    return { files: [...small, index], sharded: true };
  }
  throw noModel(files, model, endpoint);
}

/** A GGUF file, with the others that `gguf-split` made of the same model. */
function partsOf(
  file: RemoteFile,
  byName: ReadonlyMap<string, RemoteFile>,
  model: HubModel,
): RemoteFile[] {
  const [, stem, count] = /^(.*)-\d{5}-of-(\d{5})\.gguf$/.exec(file.path) ?? [];
  if (stem === undefined || count === undefined) return [file];
  const parts = Array.from({ length: Math.min(Number(count), MOST_PARTS) }, (_, i) => {
    const name = `${stem}-${String(i + 1).padStart(5, "0")}-of-${count}.gguf`;
    return byName.get(name) ?? name;
  });
  const missing = parts.find((part) => typeof part === "string");
  if (missing === undefined) return parts.filter((part) => typeof part !== "string");
  throw refuse(model, `lacks ${showName(missing)}, a part of that model`, "give another file");
}

function noModel(files: readonly RemoteFile[], model: HubModel, endpoint: string): SalientError {
  const names = files.map(({ path }) => path).sort();
  const gguf = chooseGguf(model, files);
  if (gguf !== undefined) return refuse(model, "holds GGUF files", gguf);
  if (!names.includes("config.json")) {
    return refuse(model, "has no config.json, so it is no model that can be read", "give another");
  }
  const other = names.find((name) => name.endsWith(".safetensors"));
  if (other !== undefined) {
    return refuse(
      model,
      `has no ${SINGLE_FILE} and no ${INDEX_FILE}, but ${showName(other)}`,
      `download it, rename that file to ${SINGLE_FILE}, and give the directory`,
    );
  }
  const pickle = names.find((name) => /\.(bin|pt|pth)$/.test(name));
  if (pickle === undefined) return refuse(model, "has no weights", "give another");
  return refuse(
    model,
    `has no safetensors but ${showName(pickle)}`,
    `many such repositories have a conversion as a pull request (${endpoint}/${model.id}/discussions; then give ` +
      `${model.id}@refs/pr/NUMBER)`,
  );
}

function chooseGguf(model: HubModel, files: readonly RemoteFile[]): string | undefined {
  const names = files.map(({ path }) => path).filter((name) => name.endsWith(".gguf")).sort();
  if (names.length === 0) return model.file === undefined ? undefined : "give another";
  const revision = model.revision === "main" ? "" : `@${model.revision}`;
  const shown = names.slice(0, 6).map((name) => `${model.id}${revision}:${name}`);
  const more = names.length > shown.length ? `, and ${names.length - shown.length} more` : "";
  return `give one of ${shown.join(", ")}${more}`;
}

function refuse(model: HubModel, what: string, advice: string | undefined): SalientError {
  return new SalientError("input", `${model.id} at ${model.revision} ${what}: ${advice}`);
}
