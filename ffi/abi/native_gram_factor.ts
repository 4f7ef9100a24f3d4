/**
 * Factors that live in a native library.
 *
 * @module
 */

import type { GramFactor } from "../../core/backend.ts";
import type { OwnedHandle } from "./owned_handle.ts";
import type { NativeSession } from "./session.ts";

/** What a factor is. */
export interface GramFactorFields {
  /** K. */
  readonly inputs: number;
  /** The damping that was needed. */
  readonly damping: number;
  /** Bytes it takes in memory. */
  readonly byteLength: number;
}

/** A factor behind a handle. */
export class NativeGramFactor implements GramFactor {
  /** K. */
  readonly inputs: number;
  /** The damping that was needed. */
  readonly damping: number;
  /** Bytes it takes in memory. */
  readonly byteLength: number;
  /** The session that it belongs to. */
  readonly session: NativeSession;
  /** Its handle. */
  readonly owned: OwnedHandle;

  /** Takes over a new handle of a session. */
  constructor(session: NativeSession, handle: number, fields: GramFactorFields) {
    this.session = session;
    this.inputs = fields.inputs;
    this.damping = fields.damping;
    this.byteLength = fields.byteLength;
    this.owned = session.own(handle);
    session.watch(this);
  }

  /** Frees it; harmless the second time. */
  [Symbol.dispose](): void {
    this.owned.end();
  }
}
