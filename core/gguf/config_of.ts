/**
 * How the configuration of an architecture of GGUF files is written.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import type { MetadataReader } from "./metadata_reader.ts";

/** A class of transformers. */
interface ModelClass {
  /** Its name, in `architectures`. */
  readonly name: string;
  /** Its `model_type`. */
  readonly type: string;
}

/** How the configuration of an architecture is written. */
export interface ConfigOf extends ModelClass {
  /** The class where there are experts; undefined where that is not read. */
  readonly experts?: ModelClass;
  /** Key of the epsilon of layer norms. Default: root mean squares, `rms_norm_eps`. */
  readonly eps?: string;
  /** The function inside the MLP where the file does not say it. Default `silu`. */
  readonly activation?: string;
  /** Its key. Default `hidden_act`. */
  readonly activationKey?: string;
  /** Key for the part of a head that is turned; `""` where another key says so. Default: whole heads. */
  readonly partial?: string;
  /** Whether it has rotary embedding. Default true. */
  readonly rope?: boolean;
  /** Names of its own for the usual keys; `""` for keys that it does not have. */
  readonly rename?: Readonly<Record<string, string>>;
  /** Its further keys. */
  more?(reader: MetadataReader): JsonObject;
}
