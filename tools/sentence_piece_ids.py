"""Ids of lines under a tokenizer.model that the package mistral-common brings along, by SentencePiece itself.

Reads {"name": ..., "out": ..., "lines": [...]} from standard input, copies the model to `out`, and prints a text of
ids for each line, or null where a line has the text of a control token, which transformers takes for one.

    pip install sentencepiece mistral-common
"""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import sentencepiece

request = json.load(sys.stdin)
package = importlib.util.find_spec("mistral_common")
shutil.copy(Path(package.origin).parent / "data" / request["name"], request["out"])
processor = sentencepiece.SentencePieceProcessor(model_file=request["out"])
ids = range(len(processor))
controls = [processor.id_to_piece(id) for id in ids if processor.is_control(id) or processor.is_unknown(id)]
print(json.dumps([
    None if any(control in line for control in controls) else " ".join(map(str, processor.encode(line)))
    for line in request["lines"]
]))
