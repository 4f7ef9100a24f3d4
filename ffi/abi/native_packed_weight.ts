/**
 * Packed weights that live in a native library.
 *
 * @module
 */

import type { PackedWeight } from "../../core/backend.ts";
import type { OwnedHandle } from "./owned_handle.ts";
import type { NativeSession } from "./session.ts";

/** What a packed weight is. */
export interface PackedWeightFields {
  /** [N, K]. */
  readonly shape: readonly number[];
  /** Bits of the integers. */
  readonly bits: number;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** Bytes it takes in memory. */
  readonly byteLength: number;
}

/** A packed weight behind a handle. */
export class NativePackedWeight implements PackedWeight {
  /** Tells it from a tensor. */
  readonly packed = true;
  /** [N, K]. */
  readonly shape: readonly number[];
  /** Bits of the integers. */
  readonly bits: number;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** Bytes it takes in memory. */
  readonly byteLength: number;
  /** The session that it belongs to. */
  readonly session: NativeSession;
  /** Its handle. */
  readonly owned: OwnedHandle;

  /** Takes over a new handle of a session. */
  constructor(session: NativeSession, handle: number, fields: PackedWeightFields) {
    this.session = session;
    this.shape = Object.freeze([...fields.shape]);
    this.bits = fields.bits;
    this.groupSize = fields.groupSize;
    this.byteLength = fields.byteLength;
    this.owned = session.own(handle);
    session.watch(this);
  }

  /** Frees it; harmless the second time. */
  [Symbol.dispose](): void {
    this.owned.end();
  }
}
