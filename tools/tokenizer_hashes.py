"""Hashes of what a tokenizer makes of some lines, by the Rust library, for tests in TypeScript to compare with.

    python tools/tokenizer_hashes.py DIRECTORY LINES.json           # six hex digits a line, joined
    python tools/tokenizer_hashes.py DIRECTORY LINES.json --show 7  # what is behind line 7

DIRECTORY has a tokenizer.json, and a tokenizer_config.json whose add_bos_token and add_eos_token count.
tests/core/tokenizer/line_hashes.ts is the same for our tokenizer.
"""

import hashlib
import json
import sys

from transformers import PreTrainedTokenizerFast


def parts(tokenizer, line: str) -> list:
    """Ids with special tokens, ids without, text of the former, text of the former backwards (rarely valid UTF-8)."""
    ids = tokenizer.encode(line).ids
    bare = tokenizer.encode(line, add_special_tokens=False).ids
    texts = [tokenizer.decode(each, skip_special_tokens=True) for each in (ids, ids[::-1])]
    return [" ".join(map(str, ids)), " ".join(map(str, bare)), *texts]


def line_hashes(tokenizer, lines: list) -> str:
    joined = ("\n".join(parts(tokenizer, line)) for line in lines)
    return "".join(hashlib.sha256(each.encode("utf-8")).hexdigest()[:6] for each in joined)


def load(directory: str):
    """As transformers takes the file: no model class restates it."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(directory).backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def main() -> None:
    tokenizer = load(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        lines = json.load(file)
    if sys.argv[3:4] == ["--show"]:
        print(json.dumps(parts(tokenizer, lines[int(sys.argv[4])])))
    else:
        print(line_hashes(tokenizer, lines))


if __name__ == "__main__":
    main()
