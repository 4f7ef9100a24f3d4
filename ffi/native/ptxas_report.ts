/**
 * What ptxas says of each kernel (`-Xptxas -v`): registers, shared memory, and what it could not keep in registers.
 *
 * @module
 */

/** A kernel compiled for an architecture. */
export interface KernelResources {
  /** Its mangled name. */
  readonly kernel: string;
  /** Such as `sm_90a`. */
  readonly architecture: string;
  /** Of a thread. */
  readonly registers: number;
  /** Bytes of a thread's memory for what has no register: local arrays and spills. */
  readonly stackBytes: number;
  /** Bytes that are written to that memory because registers are short. */
  readonly spillBytes: number;
  /** Bytes of a block's static shared memory. */
  readonly sharedBytes: number;
}

/**
 * Bytes of a thread's stack that a kernel may have. A few words beside a loop are the price of one more block on a
 * multiprocessor; an array that is indexed at run time, or sums that do not fit, are more.
 */
export const MOST_STACK_BYTES = 64;

const KERNEL = new RegExp(
  [
    String.raw`Compiling entry function '([^']+)' for '([^']+)'`,
    String.raw`[^\n]*Function properties for [^\n]*`,
    String.raw`\s*(\d+) bytes stack frame, (\d+) bytes spill stores, \d+ bytes spill loads`,
    String.raw`[^\n]*Used (\d+) registers([^\n]*)`,
  ].join(String.raw`\n`),
  "g",
);

/** The kernels that a report names, in its order. */
export function readPtxasReport(text: string): KernelResources[] {
  return [...text.matchAll(KERNEL)].map((
    [, kernel, architecture, stack, spills, registers, rest],
  ) => ({
    kernel: kernel ?? "",
    architecture: architecture ?? "",
    registers: Number(registers),
    stackBytes: Number(stack),
    spillBytes: Number(spills),
    sharedBytes: Number(/(\d+) bytes smem/.exec(rest ?? "")?.[1] ?? 0),
  }));
}
