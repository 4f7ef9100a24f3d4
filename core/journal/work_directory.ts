/**
 * Where a run that can be resumed keeps its work.
 *
 * @module
 */

import { basename, dirname, join, resolve } from "node:path";
import { diskError } from "../checkpoint/disk_error.ts";
import { SalientError } from "../errors.ts";

/** Leftovers of a run that was killed: what was written of the output, spilled and half-saved hidden states. */
const LEFTOVERS = /^(output|\.hidden-states-\w+|states-\d+\.part)$/;

/** The directory `.NAME.salient-work` beside an output, where `NAME` is that of the output. */
export class WorkDirectory {
  /** Its path. */
  readonly path: string;
  #madeParents: readonly string[] = [];

  /** That of an output. Nothing is made yet. */
  constructor(out: string) {
    const target = resolve(out);
    this.path = join(dirname(target), `.${basename(target)}.salient-work`);
  }

  /** The journal. */
  get journal(): string {
    return join(this.path, "journal");
  }

  /** The output until it has its name. */
  get output(): string {
    return join(this.path, "output");
  }

  /** The hidden states after a block. */
  states(block: number): string {
    return join(this.path, `states-${block}`);
  }

  /**
   * Whether there is a journal in it.
   *
   * @throws {SalientError} `input` where the directory is something else.
   */
  async hasJournal(): Promise<boolean> {
    const found = await lookAt(this.path);
    if (found === undefined) return false;
    if (!found.isDirectory) {
      throw new SalientError("input", `${this.path} is not a directory: remove it`, {
        file: this.path,
      });
    }
    return await lookAt(this.journal) !== undefined;
  }

  /** Makes it, and its parents, where it is missing. */
  async make(): Promise<void> {
    try {
      const made: string[] = [];
      for (let each = dirname(this.path); await lookAt(each) === undefined; each = dirname(each)) {
        made.push(each);
      }
      await Deno.mkdir(this.path, { recursive: true });
      this.#madeParents = made;
    } catch (cause) {
      throw diskError(this.path, cause, undefined, "input");
    }
  }

  /** Removes what a run that was killed has left, and hidden states that are not those after `block`. */
  async tidy(block: number | undefined): Promise<void> {
    await this.#removeAll((name) => LEFTOVERS.test(name) || isOld(name, block));
  }

  /** Removes hidden states that are not those after `block`. */
  async tidyStates(block: number): Promise<void> {
    await this.#removeAll((name) => isOld(name, block));
  }

  /** Removes it, the journal first: what is left of it if that is interrupted is no unfinished work. */
  async remove(): Promise<void> {
    for (const path of [this.journal, this.path]) {
      try {
        await Deno.remove(path, { recursive: true });
      } catch (cause) {
        if (!(cause instanceof Deno.errors.NotFound)) throw diskError(path, cause);
      }
    }
    // Fails, as it should, where somebody has put something there.
    for (const parent of this.#madeParents) await Deno.remove(parent).catch(() => {});
  }

  async #removeAll(isMeant: (name: string) => boolean): Promise<void> {
    try {
      for await (const { name } of Deno.readDir(this.path)) {
        if (isMeant(name)) await Deno.remove(join(this.path, name), { recursive: true });
      }
    } catch (cause) {
      throw diskError(this.path, cause);
    }
  }
}

function isOld(name: string, block: number | undefined): boolean {
  return /^states-\d+$/.test(name) && name !== `states-${block}`;
}

async function lookAt(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw diskError(path, cause, undefined, "input");
  }
}
