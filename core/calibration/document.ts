/**
 * What sources of text give: documents, one after the other.
 *
 * @module
 */

import type { ChatMessage } from "../tokenizer/types.ts";

/** One document of a source: a text or a chat. */
export type SourceDocument =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "chat"; readonly messages: readonly ChatMessage[]; readonly place: string };

/** An opened source. Files are read while the documents are asked for, and closed when no more are. */
export interface TextSource {
  /** For people and reports. */
  readonly name: string;
  /** The documents, in the source's order. */
  documents(): AsyncIterable<SourceDocument>;
}
