/**
 * A contestant's process, as the comparison sees it.
 *
 * @module
 */

import { TextLineStream } from "./lines.ts";

/** How a contestant is started. */
export interface ChildOptions {
  /** Name for people. */
  readonly name: string;
  /** Program. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Milliseconds after which its threads have stopped spinning for more work. Default 60. */
  readonly settleMs?: number;
  /** Its threads, where contestants of a comparison differ in them. */
  readonly threads?: number;
}

/** A process that answers lines of JSON; one that does not answer in time is ended. */
export class Child implements AsyncDisposable {
  /** Name for people. */
  readonly name: string;
  /** Milliseconds after which its threads have stopped spinning for more work. */
  readonly settleMs: number;
  /** Its threads, where contestants of a comparison differ in them. */
  readonly threads: number | undefined;
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #replies: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<void>;
  /** The last of what it wrote to its standard error. */
  #talk = "";
  #dead = false;

  constructor({ name, program, args, settleMs = 60, threads }: ChildOptions) {
    this.name = name;
    this.threads = threads;
    this.settleMs = settleMs;
    this.#process = new Deno.Command(program, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#replies = this.#process.stdout
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream())
      .getReader();
    this.#errors = this.#process.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({
        write: (text) => {
          this.#talk = (this.#talk + text).slice(-2000);
        },
      }),
    );
  }

  /** The reply to a request. Throws where it is an error, or does not come within `seconds`. */
  async ask<T>(request: object, seconds: number): Promise<T> {
    if (this.#dead) throw new Error(`${this.name} is no longer there`);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#kill();
    }, seconds * 1000);
    try {
      await this.#input.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
      const reply = await this.#nextReply();
      if (typeof reply.error === "string") throw new Error(reply.error);
      return reply as T;
    } catch (error) {
      if (late) throw new Error(`${this.name} gave no answer in ${seconds} s and was ended`);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes its input and waits; a process that stays is ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#kill(), 5000);
    await this.#input.close().catch(() => {});
    await this.#replies.cancel().catch(() => {});
    await this.#process.status;
    await this.#errors;
    clearTimeout(timer);
  }

  /** Lines that are not replies (a library's own talk) are passed over. */
  async #nextReply(): Promise<Record<string, unknown>> {
    while (true) {
      const { value, done } = await this.#replies.read();
      if (done) {
        this.#dead = true;
        throw new Error(`${this.name} ended before it answered: ${this.#talk.trim()}`);
      }
      if (value.startsWith("@")) return JSON.parse(value.slice(1));
    }
  }

  #kill(): void {
    this.#dead = true;
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
