/**
 * Finds, checks and opens a native library.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { SalientError } from "../core/backend.ts";
import { libraryFileName, manifestFileName, platformName } from "./native/platform.ts";
import { ABI_VERSION, type NativeInterface, SYMBOLS } from "./symbols.ts";

/** The functions of an open library. */
export type NativeSymbols = Deno.DynamicLibrary<NativeInterface>["symbols"];

/** Low eight bits of a status, as `salient.h` gives them. */
const STATUS_MEMORY = 2;
const STATUS_FILE = 3;

/** Where and as what a library is looked for. */
export interface LibraryOptions {
  /** Folder that holds `build/` and `prebuilt/`. Default: `ffi/native/` of this package. */
  root?: URL;
  /** ABI version to ask for. Default: the one of this package. */
  abiVersion?: number;
}

/** A library that was found and may be opened. */
export interface LibraryLocation {
  /** The file. */
  readonly url: URL;
  /** Whether it was built here or came with the package. */
  readonly origin: "local build" | "prebuilt";
}

function readFile(url: URL, backend: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Deno.readFileSync(url);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    const text = cause instanceof Deno.errors.NotCapable
      ? `No permission to read the native libraries: run with --allow-read=${folderName(url)}`
      : `Cannot read the ${backend} library: ${reason(cause)}`;
    throw new SalientError("backend", text, { file: url.pathname, cause });
  }
}

function exists(url: URL): boolean {
  try {
    return Deno.statSync(url).isFile;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    if (cause instanceof Deno.errors.NotCapable) {
      const text = `No permission to read the native libraries: run with --allow-read=${
        folderName(url)
      }`;
      throw new SalientError("backend", text, { file: url.pathname, cause });
    }
    throw cause;
  }
}

function folderName(url: URL): string {
  return decodeURIComponent(new URL("../../", url).pathname);
}

function reason(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n", 1)[0] ?? "";
}

function buildCommand(backend: string): string {
  return `deno task build:native${backend === "cuda" ? " --cuda" : ""}`;
}

/** The version of the interface that a library answers with; undefined where it cannot be asked. */
function versionOf(url: URL): number | undefined {
  try {
    const library = Deno.dlopen(url, { salient_abi_version: SYMBOLS.salient_abi_version });
    const version = library.symbols.salient_abi_version();
    library.close();
    return version;
  } catch {
    return undefined;
  }
}

/** The SHA-256 that a manifest names. */
function pinnedHash(manifest: Uint8Array<ArrayBuffer>, file: string): string {
  try {
    const found = JSON.parse(new TextDecoder().decode(manifest)) as { sha256?: unknown } | null;
    const hash = found?.sha256;
    if (typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash)) return hash;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw new SalientError("backend", `The manifest of the native library is damaged: ${file}`, {
    file,
  });
}

/**
 * Finds a backend's library: a local build first, then the prebuilt one, whose SHA-256 must be the one of
 * its manifest. Throws a backend error where there is none, or where it is not the one that was shipped.
 */
export function findLibrary(backend: string, options: LibraryOptions = {}): LibraryLocation {
  const root = options.root ?? new URL("./native/", import.meta.url);
  if (root.protocol !== "file:") {
    throw new SalientError(
      "backend",
      `A native library cannot be opened from ${root.protocol}//${root.host}: install the package first`,
    );
  }
  const name = libraryFileName(backend);
  const platform = platformName();
  const local = new URL(`build/${platform}/${name}`, root);
  if (exists(local)) return { url: local, origin: "local build" };
  const url = new URL(`prebuilt/${platform}/${name}`, root);
  const manifest = readFile(new URL(manifestFileName(backend), url), backend);
  const bytes = readFile(url, backend);
  if (manifest === undefined || bytes === undefined) {
    throw new SalientError(
      "backend",
      `There is no ${backend} library for ${platform}: build it with ${buildCommand(backend)}`,
    );
  }
  const hash = createHash("sha256").update(bytes).digest("hex");
  if (hash !== pinnedHash(manifest, url.pathname)) {
    throw new SalientError(
      "backend",
      `The ${backend} library is not the one its manifest names: restore ${url.pathname}, or build it ` +
        `with ${buildCommand(backend)}`,
      { file: url.pathname },
    );
  }
  return { url, origin: "prebuilt" };
}

/** An open native library. Disposing it closes it. */
export class NativeLibrary implements Disposable {
  /** Where it came from. */
  readonly location: LibraryLocation;
  /** Its functions. */
  readonly symbols: NativeSymbols;
  readonly #library: Deno.DynamicLibrary<NativeInterface>;
  #open = true;

  private constructor(location: LibraryLocation, library: Deno.DynamicLibrary<NativeInterface>) {
    this.location = location;
    this.#library = library;
    this.symbols = library.symbols;
  }

  /** Finds and opens a backend's library; a backend error says why it cannot be used. */
  static open(backend: string, options: LibraryOptions = {}): NativeLibrary {
    const location = findLibrary(backend, options);
    const file = location.url.pathname;
    const wanted = options.abiVersion ?? ABI_VERSION;
    const refuseVersion = (version: number): never => {
      const remedy = location.origin === "local build"
        ? `rebuild it with ${buildCommand(backend)}`
        : "install the package again";
      throw new SalientError(
        "backend",
        `The ${backend} library ${file} has interface version ${version} but ${wanted} is needed: ${remedy}`,
        { file },
      );
    };
    let opened: Deno.DynamicLibrary<NativeInterface>;
    try {
      opened = Deno.dlopen(location.url, SYMBOLS);
    } catch (cause) {
      // One of another version may lack a function.
      const version = versionOf(location.url);
      if (version !== undefined && version !== wanted) refuseVersion(version);
      const text = cause instanceof Deno.errors.NotCapable
        ? `No permission to open native libraries: run with --allow-ffi=${folderName(location.url)}`
        : `Cannot open the ${backend} library ${file}: ${reason(cause)}`;
      throw new SalientError("backend", text, { file, cause });
    }
    const library = new NativeLibrary(location, opened);
    const version = library.symbols.salient_abi_version();
    if (version !== wanted) {
      library[Symbol.dispose]();
      refuseVersion(version);
    }
    return library;
  }

  /** Throws what a status other than 0 stands for. */
  unwrap(status: number, operation: string, file?: string): void {
    if (status === 0) return;
    const buffer = new Uint8Array(512);
    const length = this.symbols.salient_error(status, buffer, buffer.length);
    const text = new TextDecoder().decode(buffer.subarray(0, length));
    const kind = status & 255;
    const code = kind === STATUS_MEMORY ? "memory" : kind === STATUS_FILE ? "input" : "backend";
    const place = file === undefined ? {} : { file };
    throw new SalientError(code, `Cannot run ${operation}: ${text}`, place);
  }

  /** Instruction set and threads, for people. */
  describe(): string {
    const buffer = new Uint8Array(256);
    const length = this.symbols.salient_describe(buffer, buffer.length);
    return new TextDecoder().decode(buffer.subarray(0, length));
  }

  /** Closes the library; harmless the second time. */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#library.close();
  }
}
