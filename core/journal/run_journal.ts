/**
 * The journal of a run.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { BitPlan } from "../planning/bit_plan.ts";
import { JournalFile, type JournalFrame } from "./journal_file.ts";
import { type JournalRecord, readRecord, type RecordOf } from "./journal_record.ts";
import { toJournalText } from "./journal_text.ts";
import { keyDifference } from "./key_difference.ts";
import { WorkDirectory } from "./work_directory.ts";

/** A record of a block, and how its payload is read. */
export interface JournaledPart {
  /** The record. */
  readonly record: JournalRecord;
  /** Bytes of its payload. */
  readonly length: number;
  /** Reads the payload. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** A block that is done. */
export interface JournaledBlock {
  /** What came of it besides its tensors. */
  readonly summary: RecordOf<"block">;
  /** Its tensors, in the order in which they were written. */
  readonly parts: readonly JournaledPart[];
}

/** What a run is, and on what. */
export interface RunIdentity {
  /** Everything that the result depends on, by names for people. */
  readonly key: Readonly<Record<string, string>>;
  /** The backend in detail. */
  readonly machine: string;
  /** Blocks of the model. */
  readonly blocks: number;
}

/**
 * Writes down every block of a run once it is done, so that another process can go on behind it. What a block has come to
 * is on the disk before its record is, and its record before the next block begins: a crash costs one block.
 */
export class RunJournal implements AsyncDisposable {
  /** Where it lies. */
  readonly directory: WorkDirectory;
  /** Blocks that were done when it was opened. */
  readonly blocks: readonly JournaledBlock[];
  /** Bits that were chosen for the target of the run. */
  readonly plan: BitPlan | undefined;
  /** A line for the user where the work was begun on another machine. */
  readonly warning: string | undefined;
  readonly #file: JournalFile;
  readonly #total: number;
  readonly #setup: string | undefined;
  #done: number;
  #hasPlan: boolean;
  #kept: boolean;
  #isFinished = false;

  private constructor(
    directory: WorkDirectory,
    file: JournalFile,
    identity: RunIdentity,
    contents: Contents,
  ) {
    this.directory = directory;
    this.blocks = contents.blocks;
    this.plan = contents.plan;
    this.warning = compare(contents.begun, identity, directory.path);
    this.#file = file;
    this.#total = identity.blocks;
    this.#setup = contents.setup;
    this.#done = contents.blocks.length;
    this.#hasPlan = contents.plan !== undefined;
    this.#kept = this.#done > 0 || this.#hasPlan;
  }

  /**
   * Opens the journal of an output, or begins one.
   *
   * @throws {SalientError} `input` where it is in use, damaged, or that of another run; `disk` where it cannot be written.
   */
  static async open(out: string, identity: RunIdentity): Promise<RunJournal> {
    const directory = new WorkDirectory(out);
    await directory.hasJournal(); // refuses what is no directory
    await directory.make();
    const file = await JournalFile.open(directory.journal, "write");
    try {
      const contents = readContents(file);
      const journal = new RunJournal(directory, file, identity, contents);
      await file.cut(contents.keep);
      if (contents.keep === undefined) {
        await file.append(toJournalText({ type: "key", ...identity }));
        await file.sync();
      }
      await directory.tidy(journal.blocks.at(-1)?.summary.index);
      return journal;
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Looks at the journal of an output and changes nothing.
   *
   * @returns Blocks that need not be done again.
   * @throws {SalientError} As {@linkcode RunJournal.open}.
   */
  static async peek(out: string, identity: RunIdentity): Promise<number> {
    const directory = new WorkDirectory(out);
    if (!(await directory.hasJournal())) return 0;
    using file = await JournalFile.open(directory.journal, "read");
    return new RunJournal(directory, file, identity, readContents(file)).blocks.length;
  }

  /** What is kept if the run ends now, for people; undefined where it is nothing. */
  get kept(): string | undefined {
    if (this.#isFinished || !this.#kept) return undefined;
    const blocks = `${this.#done} of ${this.#total} blocks`;
    return `${blocks} in ${this.directory.path}, the same command goes on from there`;
  }

  /** Remembers the bits that were chosen. */
  async savePlan(plan: BitPlan): Promise<void> {
    if (this.#hasPlan) return;
    await this.#file.append(toJournalText({ type: "plan", plan }));
    await this.#file.sync();
    this.#hasPlan = this.#kept = true;
  }

  /**
   * Compares what the plugins have asked for with what they did then, or remembers it.
   *
   * @throws {SalientError} `input` where it is something else.
   */
  async checkSetup(digest: string): Promise<void> {
    if (this.#setup === undefined) {
      await this.#file.append(toJournalText({ type: "setup", digest }));
    } else if (this.#setup !== digest) {
      throw otherRun(this.directory.path, "what the plugins ask for in setup and observe");
    }
  }

  /** Appends a part of the block at hand. */
  async append(
    record: Exclude<JournalRecord, RecordOf<"key" | "block">>,
    payload: Iterable<Uint8Array> = [],
    length = 0,
  ): Promise<void> {
    await this.#file.append(toJournalText(record), payload, length);
  }

  /** Appends that a block is done, and waits until it is on the disk with all its parts. */
  async finishBlock(summary: Omit<RecordOf<"block">, "type">): Promise<void> {
    await this.#file.append(toJournalText({ type: "block", ...summary }));
    await this.#file.sync();
    this.#done = summary.index + 1;
    this.#kept = true;
    await this.directory.tidyStates(summary.index);
  }

  /** The output has its name: nothing of the work is needed any more. */
  finish(): void {
    this.#isFinished = true;
  }

  /** Removes the directory if the run is finished or nothing was done, and gives the journal free. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#isFinished || !this.#kept) await this.directory.remove();
    } finally {
      this.#file[Symbol.dispose]();
    }
  }
}

interface Contents {
  readonly begun: RecordOf<"key"> | undefined;
  readonly plan: BitPlan | undefined;
  readonly setup: string | undefined;
  readonly blocks: readonly JournaledBlock[];
  /** The last record that counts. */
  readonly keep: JournalFrame | undefined;
}

const NOTHING: Contents = {
  begun: undefined,
  plan: undefined,
  setup: undefined,
  blocks: [],
  keep: undefined,
};

/** What the records of a journal say. Those of a block that is not done are left out, and all where nothing is done. */
function readContents(file: JournalFile): Contents {
  const records = file.frames.map((frame) => ({
    frame,
    record: readRecord(frame.header, file.path),
  }));
  let begun: RecordOf<"key"> | undefined;
  let plan: BitPlan | undefined;
  let setup: string | undefined;
  let keep: JournalFrame | undefined;
  const blocks: JournaledBlock[] = [];
  let parts: JournaledPart[] = [];
  for (const { frame, record } of records) {
    const isFirst = begun === undefined;
    if (isFirst !== (record.type === "key")) throw damaged(file.path);
    if (record.type === "key") begun = record;
    else if (record.type === "plan" && plan === undefined && setup === undefined) {
      plan = record.plan;
    } else if (record.type === "setup" && setup === undefined) setup = record.digest;
    else if (setup === undefined || record.type === "plan" || record.type === "setup") {
      throw damaged(file.path);
    } else if (record.type === "block") {
      if (record.index !== blocks.length || record.index >= (begun?.blocks ?? 0)) {
        throw damaged(file.path);
      }
      blocks.push({ summary: record, parts });
      parts = [];
    } else {
      parts.push({ record, length: frame.length, read: () => file.read(frame) });
      continue;
    }
    keep = frame;
  }
  if (blocks.length === 0 && plan === undefined) return NOTHING;
  return { begun, plan, setup, blocks, keep };
}

/** Refuses the journal of another run; a line for the user where only the machine is another. */
function compare(
  begun: RecordOf<"key"> | undefined,
  { key, machine, blocks }: RunIdentity,
  path: string,
): string | undefined {
  if (begun === undefined) return undefined;
  const difference = keyDifference(begun.key, key);
  if (difference !== undefined) throw otherRun(path, difference);
  if (begun.blocks !== blocks) throw damaged(path);
  if (begun.machine === machine) return undefined;
  return `the work in ${path} was begun on ${begun.machine} and goes on on ${machine}: ` +
    "sums may differ in their last digits from those of a run on one machine";
}

function otherRun(path: string, difference: string): SalientError {
  return new SalientError(
    "input",
    `${path} holds the work of another run, which differs in ${difference}: ` +
      "give the same, choose another --out, or remove that folder to start over",
    { file: path },
  );
}

function damaged(path: string): SalientError {
  return new SalientError("input", `${path} is damaged: remove its folder to start over`, {
    file: path,
  });
}
