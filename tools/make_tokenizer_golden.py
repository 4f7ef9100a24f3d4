"""Makes the golden ids of tests/core/tokenizer.

golden.json: lines of many kinds and their ids under the embedded model.
variants.json: two small models, and ids of some lines under pre-tokenizers of many kinds.

    pip install tokenizers
    python tools/make_tokenizer_golden.py
"""

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, trainers
from tokenizers import pre_tokenizers as P

ROOT = Path(__file__).resolve().parent.parent

LINES = [
    "The state of the Union is strong.",
    " leading and trailing ",
    "two  spaces,   three,\ttab\r\nwindows\n\n\nthree newlines   \n   indented",
    "It's we'll they've I'm he'd DON'T 'twas ''quoted'' ",
    "1790 3.14159 1,234,567 0x1F 10^-3 \u0663\u0664\u0665 \u2167 \u00bd \u0e51\u0e52",
    "Gr\u00fc\u00dfe aus K\u00f6ln, na\u00efve caf\u00e9, cafe\u0301, \u0141\u00f3d\u017a",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002 \u3053\u3093\u306b\u3061\u306f \u4e16\u754c \uc548\ub155",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "emoji \U0001f600\U0001f44d\U0001f3fd \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea\u2764\ufe0f",
    "math \U0001d49c \u2211\u222b\u221a\u2260 \u20ac\u00a3\u00a5 \u2014 \u2018q\u2019 \u201cq\u201d \u2026",
    "no-break\u00a0space\u2003em\u3000ideographic\u200bzero\u0085next line\ufeffmark\u2028line\u2029",
    "\u0000\u0001\u001b[31m\u007f",
    "def f(x: int) -> str:\n    return f\"{x!r:>10}\"  # a comment\n\n\tif (a && b || !c) { a[i++] += ~b; }",
    "https://example.org/a_b?c=d&e=%20#f user@example.org C:\\dir\\file.txt",
    "{\"k\": [1, 2.5e-3, null, true], \"s\": \"\\n\"}",
    "<s>special<s> in the middle </s> <unk> <|endoftext|>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "-" * 100 + "=" * 37 + " " * 50 + "x" + "\n" * 20,
    "Pneumonoultramicroscopicsilicovolcanoconiosisantidisestablishmentarianismfloccinaucinihilipilification",
    "",
    " ",
    "\n",
]


# Pre-tokenizers of known models and of every kind that the JavaScript library reads in its own way.
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_variants() -> dict:
    def after(*parts):
        return P.Sequence([*parts, P.ByteLevel(add_prefix_space=False, use_regex=False)])

    def split(behavior, invert=False):
        return after(P.Split(" ", behavior, invert=invert))

    return {
        "gpt2": P.ByteLevel(add_prefix_space=False),
        "prefix space": P.ByteLevel(add_prefix_space=True),
        "smollm": P.Sequence(
            [P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False)]
        ),
        "digits together": P.Sequence(
            [P.Digits(individual_digits=False), P.ByteLevel(add_prefix_space=False)]
        ),
        "llama3": after(P.Split(Regex(LLAMA3), "isolated")),
        "llama3, inverted": after(P.Split(Regex(LLAMA3), "removed", invert=True)),
        "merged with previous": split("merged_with_previous"),
        "merged with next": split("merged_with_next"),
        "contiguous": split("contiguous"),
        "removed": split("removed"),
        "isolated, inverted": split("isolated", invert=True),
    }


def mark_variants() -> dict:
    return {
        f"metaspace {scheme}, split {split}": P.Metaspace(prepend_scheme=scheme, split=split)
        for scheme in ("always", "first", "never")
        for split in (True, False)
    }


def train(alphabet: list) -> Tokenizer:
    """A model whose merges reach across spaces, so that it shows where words are cut."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    if alphabet:
        tokenizer.pre_tokenizer = P.ByteLevel(add_prefix_space=False, use_regex=False)
    else:
        tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<unk>", "<s>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES * 4, trainer)
    tokenizer.normalizer = None
    return tokenizer


def make_variants() -> list:
    made = []
    for alphabet, variants in ((P.ByteLevel.alphabet(), byte_variants()), ([], mark_variants())):
        tokenizer = train(alphabet)
        cases = []
        for name, part in variants.items():
            tokenizer.pre_tokenizer = part
            definition = json.loads(tokenizer.to_str())
            ids = [write_ids(tokenizer.encode(text).ids) for text in LINES]
            part = json.dumps(definition["pre_tokenizer"])
            cases.append({"name": name, "preTokenizer": part, "ids": ids})
        made.append({"definition": json.dumps({**definition, "pre_tokenizer": None}), "cases": cases})
    return made


def write_ids(ids: list) -> str:
    return " ".join(map(str, ids))


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def main() -> None:
    folder = ROOT / "tests/core/tokenizer"
    tokenizer = Tokenizer.from_file(str(ROOT / "models/salient-tiny/tokenizer.json"))
    golden = []
    for text in LINES:
        ids = tokenizer.encode(text).ids
        golden.append({"text": text, "ids": write_ids(ids), "decoded": tokenizer.decode(ids)})
    write(folder / "golden.json", golden)
    write(folder / "variants.json", {"texts": LINES, "models": make_variants()})


if __name__ == "__main__":
    main()
