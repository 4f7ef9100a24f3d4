/**
 * Reads and checks the values of a `config.json`.
 *
 * @module
 */

import { showName } from "../checkpoint/show_name.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";

/** Where a number may lie. Both ends are allowed. */
export interface NumberRange {
  /** Least value. */
  readonly min: number;
  /** Largest value. */
  readonly max: number;
}

/**
 * Reads the keys of one object of `config.json`. A value of the wrong kind or outside its range is an
 * input error that names the key. A key that is absent or null has the fallback; without a fallback
 * it is an input error too.
 */
export class ConfigReader {
  readonly #object: JsonObject;
  readonly #path: string;
  readonly #file: string;

  /** Reads `object`; `path` leads to it in the file, for errors (empty for the file itself). */
  constructor(object: JsonObject, path = "", file = "config.json") {
    this.#object = object;
    this.#path = path;
    this.#file = file;
  }

  /** Whether the key is there and not null. */
  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  /** Whether the key is there, even as null. */
  mentions(key: string): boolean {
    return Object.hasOwn(this.#object, key);
  }

  /** Whether the key's value is one of these. */
  holds(key: string, values: readonly Json[]): boolean {
    const value = this.#value(key);
    return value !== undefined && values.includes(value);
  }

  /** A whole number. */
  integer(key: string, range: NumberRange, fallback?: number): number {
    const value = this.#value(key) ?? fallback;
    if (!Number.isInteger(value) || outside(value as number, range)) {
      this.fail(key, `must be a whole number from ${range.min} to ${range.max}`);
    }
    return value as number;
  }

  /** A finite number. */
  number(key: string, range: NumberRange, fallback?: number): number {
    const value = this.#value(key) ?? fallback;
    if (typeof value !== "number" || !Number.isFinite(value) || outside(value, range)) {
      this.fail(key, `must be a number from ${range.min} to ${range.max}`);
    }
    return value;
  }

  /** True or false. */
  boolean(key: string, fallback?: boolean): boolean {
    const value = this.#value(key) ?? fallback;
    if (typeof value !== "boolean") this.fail(key, "must be true or false");
    return value;
  }

  /** A text. */
  string(key: string, fallback?: string): string {
    const value = this.#value(key) ?? fallback;
    if (typeof value !== "string") this.fail(key, "must be a text");
    return value;
  }

  /** A list of texts, or undefined if the key is absent. */
  strings(key: string): readonly string[] | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
      this.fail(key, "must be a list of texts");
    }
    return value as readonly string[];
  }

  /** One whole number or a list of them; empty if the key is absent. */
  integers(key: string, range: NumberRange): readonly number[] {
    const value = this.#value(key);
    if (value === undefined) return [];
    const list = Array.isArray(value) ? value as readonly Json[] : [value];
    if (!list.every((item) => Number.isInteger(item) && !outside(item as number, range))) {
      this.fail(key, `must be a whole number from ${range.min} to ${range.max}, or a list of them`);
    }
    return list as readonly number[];
  }

  /** A list of numbers, or undefined if the key is absent. */
  numbers(key: string, range: NumberRange): readonly number[] | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    const isGood = Array.isArray(value) &&
      value.every((item) => Number.isFinite(item) && !outside(item as number, range));
    if (!isGood) this.fail(key, `must be a list of numbers from ${range.min} to ${range.max}`);
    return value as readonly number[];
  }

  /** A reader of the object under a key, or undefined if the key is absent or null. */
  object(key: string): ConfigReader | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) this.fail(key, "must be an object");
    return new ConfigReader(value as JsonObject, `${this.#path}${key}.`, this.#file);
  }

  /** Throws the input error for a key: its name, what its value must be, and what it is. */
  fail(key: string, must: string): never {
    const value = this.#value(key);
    const found = value === undefined ? "it is absent" : `it is ${shorten(value)}`;
    throw new SalientError("input", `${this.#path}${key} in ${this.#file} ${must}, but ${found}`, {
      file: this.#file,
    });
  }

  #value(key: string): Json | undefined {
    return Object.hasOwn(this.#object, key) ? this.#object[key] ?? undefined : undefined;
  }
}

function outside(value: number, range: NumberRange): boolean {
  return value < range.min || value > range.max;
}

function shorten(value: Json): string {
  const text = JSON.stringify(value);
  return showName(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}
