/**
 * Fuzzes tokenizers.
 *
 * @module
 */

import type { Json } from "../../../core/checkpoint/types.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import type { Files, FuzzReader } from "../fuzz_reader.ts";

const TEXTS = ["The cat sat.", "  é́ 12\n\u2581x 😀\u0000", ""];
const TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ bos_token }}{% endif %}";

const LETTERS = [..."The cats.,12▁Ġn"];

/** Small definitions of every kind of model, with parts of every kind. */
function definitions(): Record<string, Json>[] {
  const vocab = Object.fromEntries(LETTERS.map((letter, id) => [letter, id + 3]));
  const added = ["<unk>", "<s>", "</s>"].map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: id === 1,
    normalized: id === 2,
    special: true,
  }));
  const start = [{ SpecialToken: { id: "<s>", type_id: 0 } }, {
    Sequence: { id: "A", type_id: 0 },
  }];
  const template = {
    type: "TemplateProcessing",
    single: start,
    pair: [...start, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
  };
  const shared = { version: "1.0", truncation: null, padding: null, added_tokens: added };
  const bytes = {
    type: "ByteLevel",
    add_prefix_space: true,
    trim_offsets: true,
    use_regex: true,
  };
  const split = {
    type: "Split",
    pattern: { Regex: "\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+|\\s+" },
    behavior: "Isolated",
    invert: false,
  };
  return [
    {
      ...shared,
      normalizer: { type: "Sequence", normalizers: [{ type: "NFC" }, { type: "Lowercase" }] },
      pre_tokenizer: { type: "Sequence", pretokenizers: [split, { ...bytes, use_regex: false }] },
      post_processor: template,
      decoder: { type: "ByteLevel" },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: "<unk>",
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: { ...vocab, th: 40, at: 41, "<unk>": 0 },
        merges: [["t", "h"], ["a", "t"]],
      },
    },
    {
      ...shared,
      normalizer: {
        type: "Sequence",
        normalizers: [{ type: "Prepend", prepend: "▁" }, {
          type: "Replace",
          pattern: { String: " " },
          content: "▁",
        }],
      },
      pre_tokenizer: null,
      post_processor: template,
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: { String: "▁" }, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
          { type: "Strip", content: " ", start: 1, stop: 0 },
        ],
      },
      model: {
        type: "BPE",
        unk_token: "<unk>",
        fuse_unk: true,
        byte_fallback: true,
        vocab: { ...vocab, "<unk>": 0, "<0x0A>": 50, "▁c": 51 },
        merges: ["▁ c"],
      },
    },
    {
      ...shared,
      normalizer: { type: "Precompiled", precompiled_charsmap: "BAAAAAAAAAB4AA==" },
      pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
      post_processor: null,
      decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
      model: {
        type: "Unigram",
        unk_id: 0,
        byte_fallback: false,
        vocab: [
          ["<unk>", 0],
          ["<s>", 0],
          ["</s>", 0],
          ...LETTERS.map((l, i) => [l, -1 - i]),
        ] as Json,
      },
    },
    {
      ...shared,
      normalizer: {
        type: "BertNormalizer",
        clean_text: true,
        lowercase: true,
        strip_accents: null,
      },
      pre_tokenizer: { type: "BertPreTokenizer" },
      post_processor: { type: "BertProcessing", sep: ["</s>", 2], cls: ["<s>", 1] },
      decoder: { type: "WordPiece", prefix: "##", cleanup: true },
      model: {
        type: "WordPiece",
        unk_token: "<unk>",
        continuing_subword_prefix: "##",
        max_input_chars_per_word: 100,
        vocab: { ...vocab, "<unk>": 0, "##a": 60, "##t": 61 },
      },
    },
  ];
}

/** A SentencePiece model in protobuf: pieces with their scores and kinds, and the kind of model. */
function sentencePieceModel(): Uint8Array<ArrayBuffer> {
  const field = (tag: number, bytes: Uint8Array): number[] => [tag, bytes.length, ...bytes];
  const pieces = ["<unk>", "<s>", "</s>", ...LETTERS, "\u2581c"].flatMap((piece, id) => {
    const text = field(0x0a, new TextEncoder().encode(piece));
    const score = [0x15, ...new Uint8Array(Float32Array.of(-id).buffer)];
    const kind = [0x18, id === 0 ? 2 : id < 3 ? 3 : 1];
    return field(0x0a, Uint8Array.from([...text, ...score, ...kind]));
  });
  return Uint8Array.from([...pieces, ...field(0x12, Uint8Array.of(0x18, 1))]);
}

/** Loads a tokenizer, encodes and decodes some texts, and writes a chat. */
export const tokenizerReader: FuzzReader = {
  name: "tokenizer",
  corpus() {
    const encode = (value: unknown): Uint8Array<ArrayBuffer> =>
      new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
    const config = { bos_token: "<s>", eos_token: { content: "</s>" }, chat_template: TEMPLATE };
    const tokens = ["<unk>", "<s>", "</s>", ...LETTERS, "th"];
    const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
    return Promise.resolve([
      ...definitions().map((definition, index): Files =>
        new Map([
          ["tokenizer.json", encode(definition)],
          ["tokenizer_config.json", encode(config)],
          ...(index === 0 ? [["chat_template.jinja", encode(TEMPLATE)] as const] : []),
        ])
      ),
      new Map([
        ["tokenizer.model", sentencePieceModel()],
        ["tokenizer_config.json", encode(config)],
        ["special_tokens_map.json", encode({ unk_token: "<unk>" })],
        ["added_tokens.json", encode({ "<new>": 40 })],
      ]),
      new Map([
        ["vocab.json", encode(vocab)],
        ["merges.txt", encode("#version: 0.2\nt h\n")],
        ["tokenizer_config.json", encode({ ...config, tokenizer_class: "GPT2Tokenizer" })],
      ]),
    ]);
  },
  async read(directory) {
    const tokenizer = await loadTokenizer(directory);
    for (const text of TEXTS) {
      const ids = tokenizer.encode(text);
      tokenizer.decode(ids);
      tokenizer.decode([...ids, 0, 1, tokenizer.vocabSize - 1, tokenizer.vocabSize]);
    }
    tokenizer.formatChat([{ role: "user", content: "x" }], true);
  },
};
