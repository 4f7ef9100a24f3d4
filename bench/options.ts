/**
 * The options that the pieces share: `--name value`.
 *
 * @module
 */

/** Options of the pieces with their defaults. */
export interface BenchOptions {
  /** Threads of every contestant. */
  threads: number;
  /** Python that has torch. */
  python: string;
  /** Seconds of each turn of a contestant. */
  seconds: number;
  /** Turns of each contestant. */
  turns: number;
  /** Only the groups of works with this word. */
  group: string;
  /** Sizes are divided to see that everything runs; times mean nothing. */
  tiny: boolean;
  /** Calibration tokens to measure; 0 to work them out from fewer. */
  tokens: number;
  /** Only ours, no peers. */
  alone: boolean;
}

/** Reads options; a word that is none is an error. */
export function readOptions(args: readonly string[]): BenchOptions {
  const options: BenchOptions = {
    threads: navigator.hardwareConcurrency,
    python: "python3",
    seconds: 0.3,
    turns: 3,
    group: "",
    tiny: false,
    tokens: 0,
    alone: false,
  };
  for (let i = 0; i < args.length; i++) {
    const name = args[i]!.replace(/^--/, "") as keyof BenchOptions;
    if (!args[i]!.startsWith("--") || !Object.hasOwn(options, name)) {
      throw new Error(`Unknown option ${args[i]}: use --${Object.keys(options).join(", --")}`);
    }
    if (name === "tiny" || name === "alone") {
      options[name] = true;
      continue;
    }
    const text = args[++i];
    if (text === undefined) throw new Error(`Option --${name} needs a value`);
    if (name === "python" || name === "group") options[name] = text;
    else {
      const value = Number(text);
      if (!(value > 0)) throw new Error(`Option --${name} must be above 0 but is ${text}`);
      options[name] = value;
    }
  }
  return options;
}
