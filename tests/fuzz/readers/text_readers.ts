/**
 * Fuzzes sources of calibration text and rules.
 *
 * @module
 */

import { loadCalibration } from "../../../core/calibration/load_calibration.ts";
import { loadRules } from "../../../core/rules/load_rules.ts";
import { RuleSet } from "../../../core/rules/rule_set.ts";
import type { LinearInfo } from "../../../core/plugin.ts";
import type { Tokenizer } from "../../../core/tokenizer/types.ts";
import type { Files, FuzzReader } from "../fuzz_reader.ts";

/** Ids are the characters. */
const TOKENIZER: Tokenizer = {
  vocabSize: 65536,
  encode: (text) => Int32Array.from(text, (character) => character.codePointAt(0)! & 65535),
  decode: () => "",
  formatChat: (messages) => messages.map(({ role, content }) => `${role}: ${content}`).join("\n"),
  checkVocabulary: () => {},
};

async function readText(path: string): Promise<void> {
  await loadCalibration({ source: path, tokenizer: TOKENIZER, samples: 64, seqLen: 8, seed: 1 });
}

const LINES = [
  { text: "One line of text, long enough for some windows." },
  { text: "é 😀", id: 7 },
  { messages: [{ role: "user", content: "Who?" }, { role: "assistant", content: "I" }] },
];

/** Lines with text and with chats. */
export const jsonlReader: FuzzReader = {
  name: "jsonl",
  corpus() {
    const text = LINES.map((line) => JSON.stringify(line)).join("\n");
    return Promise.resolve([new Map([["t.jsonl", new TextEncoder().encode(text)]])]);
  },
  read: (directory) => readText(`${directory}/t.jsonl`),
};

/** The fixtures, each in another compression. */
export const parquetReader: FuzzReader = {
  name: "parquet",
  async corpus() {
    const corpus: Files[] = [];
    const names = ["chats", "documents.gzip", "documents.snappy", "documents.zstd"];
    for (const name of names) {
      const url = new URL(`../../fixtures/${name}.parquet`, import.meta.url);
      corpus.push(new Map([["t.parquet", await Deno.readFile(url)]]));
    }
    return corpus;
  },
  read: (directory) => readText(`${directory}/t.parquet`),
};

const RULES = [
  { match: "*.down_proj", bits: 8 },
  { match: "model.layers.{0..3}.*", groupSize: 32, symmetric: true },
  { match: "!*.{q,k}_proj", skip: true },
  { match: "down", bits: 3, groupSize: -1 },
];

const LINEARS: readonly LinearInfo[] = ["q_proj", "down_proj"].map((name) => ({
  name: `model.layers.0.${name}`,
  block: 0,
  role: name.replace("_proj", ""),
  shape: [8, 32],
  dtype: "F32",
  site: "attention",
}));

/** Rules, read and matched against linears. */
export const rulesReader: FuzzReader = {
  name: "rules",
  corpus() {
    return Promise.resolve(
      [RULES, { rules: RULES }, RULES[0]].map((rules): Files =>
        new Map([["rules.json", new TextEncoder().encode(JSON.stringify(rules))]])
      ),
    );
  },
  async read(directory) {
    const set = new RuleSet(await loadRules(`${directory}/rules.json`), LINEARS, ["lm_head"]);
    set.warnings();
    for (const { name } of LINEARS) set.of(name);
  },
};
