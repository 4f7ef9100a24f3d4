/**
 * Reads the metadata of an architecture.
 *
 * @module
 */

import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import type { GgufHeader, ReadValue } from "./read_gguf.ts";

/** Metadata of a GGUF file under the name of its architecture. */
export class MetadataReader {
  readonly #path: string;
  readonly #architecture: string;
  readonly #metadata: GgufHeader["metadata"];
  readonly #tensors: GgufHeader["tensors"];

  /** Reads `architecture.KEY`. */
  constructor(
    path: string,
    architecture: string,
    metadata: GgufHeader["metadata"],
    tensors: GgufHeader["tensors"],
  ) {
    this.#path = path;
    this.#architecture = architecture;
    this.#metadata = metadata;
    this.#tensors = tensors;
  }

  /** Whether a key is there. */
  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  /** Whether a tensor is there. */
  hasTensor(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** A number; an error without a fallback where it is missing. */
  number(key: string, fallback?: number): number {
    const value = this.#value(key) ?? fallback;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw this.fault(`has no usable number ${this.#architecture}.${key}`);
  }

  /** A text. */
  text(key: string, fallback: string): string {
    const value = this.#value(key) ?? fallback;
    if (typeof value === "string") return value;
    throw this.fault(`has no usable text ${this.#architecture}.${key}`);
  }

  /** A switch. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.#value(key) ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.fault(`has no usable switch ${this.#architecture}.${key}`);
  }

  /** The error, naming the file. */
  fault(text: string): SalientError {
    return new SalientError("input", `${showName(this.#path)} ${text}`, { file: this.#path });
  }

  #value(key: string): ReadValue | undefined {
    return this.#metadata.get(`${this.#architecture}.${key}`);
  }
}
