/**
 * A hub with a model, and an empty cache.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { FetchModelOptions } from "../../../core/hub/fetch_model.ts";
import { resolveModel } from "../../../mod.ts";
import { FakeHub, sha256 } from "./fake_hub.ts";

/** The model that the hub has. */
export const MODEL = "models/salient-tiny";
/** Its name there. */
export const ID = "org/tiny";

/** A hub with a model, an empty cache, and options that do not wait. */
export class Stage implements AsyncDisposable {
  readonly hub = new FakeHub();
  readonly notices: string[] = [];
  readonly cache = Deno.makeTempDirSync();

  static async open(): Promise<Stage> {
    const stage = new Stage();
    await stage.hub.add(ID, MODEL, {
      "pytorch_model.bin": "the same weights again",
      "original/consolidated.00.pth": "and again",
      "README.md": "# Tiny",
      "run.py": "raise SystemExit",
    });
    return stage;
  }

  options(more: Partial<FetchModelOptions> = {}): FetchModelOptions {
    const { endpoint } = this.hub;
    return {
      backoff: 0.001,
      attempts: 4,
      onNotice: (text) => this.notices.push(text),
      ...more,
      settings: { endpoint, cache: this.cache, token: undefined, offline: false, ...more.settings },
    };
  }

  async fetch(model = ID, more: Partial<FetchModelOptions> = {}): Promise<string> {
    return (await resolveModel(model, this.options(more))).path;
  }

  /** The content of the weights, and where it gathers. */
  get weights(): { bytes: Uint8Array; blob: string } {
    const bytes = this.hub.repositories.get(ID)!.files.get("model.safetensors")!;
    return { bytes, blob: `${this.cache}/models--org--tiny/blobs/${sha256(bytes)}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub[Symbol.asyncDispose]();
    await Deno.remove(this.cache, { recursive: true });
  }
}

/** A check of an error: one line that matches, and exit status 2. */
export function refused(pattern: RegExp): (error: Error) => boolean {
  return (error) => {
    assert.match(error.message, pattern);
    assert.equal(error.message.includes("\n"), false);
    assert.equal((error as Error & { exitStatus: number }).exitStatus, 2);
    return true;
  };
}

/** Bytes of a file; 0 where there is none. */
export async function sizeOf(path: string): Promise<number> {
  return await Deno.stat(path).then(({ size }) => size, () => 0);
}
