/**
 * One backend's use of a native library: its handles, its running calls, its end.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { SalientError } from "../../core/backend.ts";
import type { NativeLibrary, NativeSymbols } from "../library.ts";
import type { LongName } from "../symbols.ts";
import { OwnedHandle } from "./owned_handle.ts";
import { recordedSymbols } from "./recorded_symbols.ts";

/**
 * Work, in multiply-adds, from which a call goes to another thread. A fraction of a millisecond where many are done at
 * once, a few milliseconds at worst: going there costs some 40 microseconds, which the many small products of a
 * decoded token would feel, and what stays here keeps the event loop waiting.
 */
const WORK_ELSEWHERE = 64e6;

/** What a call takes, besides its arguments. */
export interface CallOptions {
  /** Name of the operation, for errors. */
  readonly operation: string;
  /** Rough number of multiply-adds. */
  readonly work: number;
  /** Handles that must live until the call ends. */
  readonly uses: readonly OwnedHandle[];
  /** Receives the handles of new objects; one of the arguments. */
  readonly out?: Uint32Array;
}

/** The arguments of a function that may take long. */
export type CallArguments<Name extends LongName> = Parameters<NativeSymbols[Name]>;

/** An object with a handle: a tensor, a packed weight or a file. */
export interface HandleOwner {
  /** Its handle. */
  readonly owned: OwnedHandle;
}

/** Handles and calls of one backend. Disposing it ends every handle and closes the library. */
export class NativeSession implements Disposable {
  readonly #library: NativeLibrary;
  readonly #living = new Set<OwnedHandle>();
  /** Running calls; being in here keeps their buffers alive. */
  readonly #running = new Set<unknown>();
  readonly #forgotten = new FinalizationRegistry<OwnedHandle>((owned) => owned.end());
  /** Says of what is being run whether it belongs to a step that is recorded, and with which functions. */
  readonly #recording = new AsyncLocalStorage<{ symbols: NativeSymbols | undefined }>();
  /** Steps that are being recorded. */
  #recordings = 0;
  #disposed = false;

  /** Takes over the library. */
  constructor(library: NativeLibrary) {
    this.#library = library;
  }

  /** The library's functions; a backend error after the end. */
  get symbols(): NativeSymbols {
    this.check();
    return this.#recordedSymbols ?? this.#library.symbols;
  }

  /** Whether what is being run here belongs to a step that is recorded. */
  get records(): boolean {
    return this.#recordedSymbols !== undefined;
  }

  /** Runs a step whose calls are recorded: those that `run` makes, and no others. */
  async record<Result>(step: OwnedHandle, run: () => Promise<Result>): Promise<Result> {
    const place: { symbols: NativeSymbols | undefined } = {
      symbols: recordedSymbols(this.#library.symbols, step.value),
    };
    step.hold();
    this.#recordings++;
    try {
      return await this.#recording.run(place, run);
    } finally {
      place.symbols = undefined;
      this.#recordings--;
      step.letGo();
    }
  }

  /** A backend error after the end. */
  check(): void {
    if (this.#disposed) {
      throw new SalientError("backend", "The backend was used after it was disposed");
    }
  }

  /** Throws what a status other than 0 stands for. */
  unwrap(status: number, operation: string, file?: string): void {
    this.#library.unwrap(status, operation, file);
  }

  /** Takes over a new handle. */
  own(handle: number): OwnedHandle {
    this.check();
    const owned = new OwnedHandle(handle, (self, value) => {
      this.#living.delete(self);
      this.#forgotten.unregister(self);
      this.#library.symbols.salient_release(value);
    });
    this.#living.add(owned);
    return owned;
  }

  /** Ends the owner's handle when the garbage collector finds that nobody has it any more. */
  watch(owner: HandleOwner): void {
    this.#forgotten.register(owner, owner.owned, owner.owned);
  }

  /** Bytes that the living handles keep allocated. */
  allocatedBytes(): number {
    const handles = Uint32Array.from(this.#living, (owned) => owned.value);
    const reals = new Float64Array(1);
    this.unwrap(
      this.symbols.salient_allocated(handles, handles.length, reals),
      "allocatedBytes",
    );
    return reals[0] ?? 0;
  }

  /** Runs a function, on another thread where its work is large and it is not recorded. */
  async call<Name extends LongName>(
    name: Name,
    options: CallOptions,
    args: CallArguments<Name>,
  ): Promise<void> {
    const here = this.symbols[name] as (...args: unknown[]) => number;
    if (options.work < WORK_ELSEWHERE || this.records) {
      this.unwrap(here(...args), options.operation);
      return;
    }
    const elsewhere = this.symbols[`${name}_elsewhere`] as (...args: unknown[]) => Promise<number>;
    const running = { args };
    this.#running.add(running);
    for (const owned of options.uses) owned.hold();
    try {
      this.unwrap(await elsewhere(...args), options.operation);
      if (this.#disposed) this.#discard(options.out ?? []);
      this.check();
    } finally {
      for (const owned of options.uses) owned.letGo();
      this.#running.delete(running);
      this.#closeIfUnused();
    }
  }

  /** Ends every handle, and closes the library as soon as no call runs. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const owned of [...this.#living]) owned.end();
    this.#closeIfUnused();
  }

  /** Ends what a call made for a backend that is no more. */
  #discard(handles: Iterable<number>): void {
    for (const handle of handles) this.#library.symbols.salient_release(handle);
  }

  get #recordedSymbols(): NativeSymbols | undefined {
    return this.#recordings === 0 ? undefined : this.#recording.getStore()?.symbols;
  }

  #closeIfUnused(): void {
    if (this.#disposed && this.#running.size === 0) this.#library[Symbol.dispose]();
  }
}
