/**
 * Whether a regular expression of a tokenizer file can be run.
 *
 * @module
 */

/** Longest pattern; real ones have some hundred characters. */
const LONGEST = 20_000;
const DEEPEST = 50;

/** What a part of a pattern can do. */
interface Part {
  /** Repeats without a bound on one way through it. */
  readonly repeats: number;
  /** Those of them that are followed by something that can fail, so that shorter ones are tried. */
  readonly retried: number;
  /** Whether it can match texts of different lengths in one place. */
  readonly varies: boolean;
  /** Whether it can fail. */
  readonly fails: boolean;
}

const LETTER: Part = { repeats: 0, retried: 0, varies: false, fails: true };
const QUANTIFIER = /^(?:[*+?]|\{\d*,?\d*\})[?+]*/;

/**
 * Refuses patterns whose matching could take more than one pass over the text for each match: JavaScript matches by
 * trying again, cannot be stopped, and the pattern comes from a file that nobody vouches for. Refused are repeats
 * of what itself repeats or varies, more than one repeat that is tried again in one alternative, and references
 * back. The patterns of known tokenizers have none of these.
 *
 * @throws {Error} With what is wrong.
 */
export function checkPattern(pattern: string): void {
  if (pattern.length > LONGEST) throw new Error("its regular expression is too long");
  const reader = new PatternReader(pattern);
  const whole = reader.alternatives(0);
  if (whole.retried > 1) throw new Error(`its regular expression tries too many repeats again`);
}

class PatternReader {
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  /** Up to the closing parenthesis, or the end. */
  alternatives(depth: number): Part {
    if (depth > DEEPEST) throw new Error("its regular expression is nested too deeply");
    const ways = [this.#sequence(depth)];
    while (this.#pattern[this.#at] === "|") {
      this.#at++;
      ways.push(this.#sequence(depth));
    }
    return {
      repeats: Math.max(...ways.map(({ repeats }) => repeats)),
      retried: Math.max(...ways.map(({ retried }) => retried)),
      varies: ways.length > 1 || ways[0]!.varies,
      fails: ways.every(({ fails }) => fails),
    };
  }

  #sequence(depth: number): Part {
    const parts: Part[] = [];
    while (this.#at < this.#pattern.length && !"|)".includes(this.#pattern[this.#at]!)) {
      parts.push(this.#quantified(this.#single(depth)));
    }
    let [repeats, retried, fails] = [0, 0, false];
    for (const part of parts.toReversed()) {
      retried += fails ? part.repeats : part.retried;
      repeats += part.repeats;
      fails ||= part.fails;
    }
    return { repeats, retried, fails, varies: parts.some(({ varies }) => varies) };
  }

  /** A letter, a class or a group. */
  #single(depth: number): Part {
    const letter = this.#pattern[this.#at++];
    if (letter === "\\") return this.#escape();
    if (letter === "[") return this.#class();
    if (letter !== "(") return LETTER;
    const inner = this.alternatives(depth + 1);
    this.#at++;
    return inner;
  }

  #escape(): Part {
    const letter = this.#pattern[this.#at++] ?? "";
    if (/[1-9kgKRXQE]/.test(letter)) {
      throw new Error(`its regular expression has \\${letter}, which is not read`);
    }
    if (/[pPxu]/.test(letter) && this.#pattern[this.#at] === "{") this.#skip(/\{[^}]*\}?/y);
    return LETTER;
  }

  /** Past the closing bracket; classes may hold classes. */
  #class(): Part {
    this.#skip(/\^?\]?/y);
    for (let open = 1; open > 0 && this.#at < this.#pattern.length;) {
      const letter = this.#pattern[this.#at++];
      if (letter === "\\") this.#at++;
      else if (letter === "[") open++;
      else if (letter === "]") open--;
    }
    return LETTER;
  }

  #quantified(part: Part): Part {
    const [quantifier] = QUANTIFIER.exec(this.#pattern.slice(this.#at, this.#at + 24)) ?? [];
    if (quantifier === undefined) return part;
    this.#at += quantifier.length;
    const [least, most] = bounds(quantifier);
    const fails = part.fails && least > 0;
    if (most <= 1) return { ...part, varies: true, fails };
    if (part.repeats > 0 || part.varies) {
      throw new Error("its regular expression repeats what repeats or varies itself");
    }
    const isOpen = most > 1000;
    return { repeats: isOpen ? 1 : 0, retried: 0, varies: least !== most || part.varies, fails };
  }

  #skip(what: RegExp): void {
    what.lastIndex = this.#at;
    this.#at += what.exec(this.#pattern)?.[0].length ?? 0;
  }
}

/** Smallest and largest number of times. */
function bounds(quantifier: string): [number, number] {
  if (quantifier[0] === "?") return [0, 1];
  if (quantifier[0] === "*") return [0, Infinity];
  if (quantifier[0] === "+") return [1, Infinity];
  const [least = "", most] = quantifier.slice(1, quantifier.indexOf("}")).split(",");
  return [
    Number(least),
    most === undefined ? Number(least) : most === "" ? Infinity : Number(most),
  ];
}
