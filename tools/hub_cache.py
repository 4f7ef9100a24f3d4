"""What huggingface_hub makes of a cache: asked by tests_clients/hub_cache_test.ts.

Reads one JSON object from standard input: {"do", "endpoint", "cache", "id", ...}; prints one.
"""

import json
import os
import sys
import time

request = json.load(sys.stdin)
os.environ.update(
    HF_ENDPOINT=request["endpoint"],
    HF_HUB_CACHE=request["cache"],
    HF_HOME=request["cache"],
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_HUB_OFFLINE="1" if request.get("offline") else "0",
)

from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download  # noqa: E402


def main():
    todo = request["do"]
    if todo == "download":
        return {"path": snapshot_download(request["id"], allow_patterns=request.get("patterns"))}
    if todo == "find":
        path = snapshot_download(request["id"])
        config = hf_hub_download(request["id"], "config.json")
        info = scan_cache_dir(request["cache"])
        return {
            "path": path,
            "config": config,
            "warnings": [str(each) for each in info.warnings],
            "files": sorted(f.file_name for r in info.repos for v in r.revisions for f in v.files),
            "refs": sorted(ref for r in info.repos for v in r.revisions for ref in v.refs),
        }
    if todo == "logits":
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(request["id"])
        model = AutoModelForCausalLM.from_pretrained(request["id"], dtype=torch.float32)
        ids = tokenizer(request["text"], return_tensors="pt").input_ids
        with torch.no_grad():
            logits = model(ids).logits[0, -1]
        return {"ids": ids[0].tolist(), "best": int(logits.argmax())}
    if todo == "hold":
        from huggingface_hub.utils import WeakFileLock

        os.makedirs(os.path.dirname(request["lock"]), exist_ok=True)
        with WeakFileLock(request["lock"]):
            open(request["ready"], "w").close()
            time.sleep(request["seconds"])
            return {"released": time.time()}
    raise ValueError(todo)


print(json.dumps(main()))
