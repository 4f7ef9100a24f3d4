/**
 * The blocks of code of a page.
 *
 * @module
 */

/** A fenced block. */
export interface MarkdownBlock {
  /** What follows the fence, for example `sh` or `ts`. */
  readonly info: string;
  /** The lines inside it. */
  readonly text: string;
}

/** Every fenced block of a page, in order. */
export function markdownBlocks(page: string): MarkdownBlock[] {
  return [...page.matchAll(/^```([^\n]+)\n([\s\S]*?)^```$/gm)].map((match) => ({
    info: match[1] ?? "",
    text: match[2] ?? "",
  }));
}
