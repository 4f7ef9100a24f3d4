"""Hashes of what a tokenizer makes of some lines, by the Rust library, for tests in TypeScript to compare with.

Reads {"directory": ..., "lines": [...]} from standard input and prints six hex digits a line, joined. What is behind
one of tests/core/tokenizer/lines.json:

    python tools/tokenizer_hashes.py DIRECTORY --show 7

DIRECTORY has a tokenizer.json. What it puts around a text counts: transformers 5 reads add_bos_token and
add_eos_token of tokenizer_config.json only where there is no tokenizer.json, and so do we.
tests/core/tokenizer/line_hashes.ts is the same for our tokenizer.
"""

import hashlib
import json
import sys
from pathlib import Path

from transformers import PreTrainedTokenizerFast

LINES = Path(__file__).resolve().parent.parent / "tests/core/tokenizer/lines.json"


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
    if sys.argv[2:3] == ["--show"]:
        lines = json.loads(LINES.read_text("utf-8"))
        print(json.dumps(parts(load(sys.argv[1]), lines[int(sys.argv[3])])))
    else:
        request = json.load(sys.stdin)
        print(json.dumps(line_hashes(load(request["directory"]), request["lines"])))


if __name__ == "__main__":
    main()
