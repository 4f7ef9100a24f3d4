/**
 * The pieces of the whole measurement, in the order in which they run.
 *
 * @module
 */

/** A piece: a script of this folder. */
export interface Piece {
  /** Its name. */
  readonly name: string;
  /** The script. */
  readonly file: string;
  /** Arguments of its own. */
  readonly args: readonly string[];
  /** Seconds after which it is ended. */
  readonly limitSeconds: number;
}

function compare(group: string, limitSeconds: number, args: readonly string[] = []): Piece {
  return { name: group, file: "compare_peers.ts", args: ["--group", group, ...args], limitSeconds };
}

/** Many short turns: what a virtual machine gets of its host's memory changes from second to second. */
const MANY_TURNS = ["--turns", "9", "--seconds", "0.12"];

/** All pieces. The limits add up to more than the whole takes on a quiet machine. */
export const PIECES: readonly Piece[] = [
  { name: "ceilings", file: "ceilings/measure_ceilings.ts", args: [], limitSeconds: 60 },
  compare("products", 150),
  compare("vectors", 150, MANY_TURNS),
  compare("prefill", 90),
  compare("gram", 60),
  { name: "tokens", file: "compare_tokens.ts", args: [], limitSeconds: 180 },
  { name: "rtn-copy", file: "rtn_copy.ts", args: [], limitSeconds: 90 },
  { name: "awq", file: "awq_block.ts", args: [], limitSeconds: 300 },
  { name: "memory", file: "memory_7b.ts", args: [], limitSeconds: 180 },
  { name: "libraries", file: "libraries/compare_libraries.ts", args: [], limitSeconds: 240 },
];
