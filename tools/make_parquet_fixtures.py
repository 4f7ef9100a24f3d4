"""Makes tests/fixtures/documents.*.parquet: the same small table, packed in three ways.

    pip install pyarrow
    python tools/make_parquet_fixtures.py
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).resolve().parent.parent / "tests/fixtures"


def main() -> None:
    table = pa.table({
        "id": pa.array(range(5), pa.int64()),
        "text": ["first document", "", None, "fourth: Grüße 😀", "fifth " * 20],
        "title": [f"title {i}" for i in range(5)],
        "messages": [
            [{"role": "user", "content": f"question {i}"},
             {"role": "assistant", "content": f"answer {i}"}]
            for i in range(5)
        ],
    })
    chats = table.select(["id", "messages"])
    for codec in ("snappy", "zstd", "gzip"):
        path = FOLDER / f"documents.{codec}.parquet"
        pq.write_table(table, path, compression=codec, row_group_size=2)
    pq.write_table(chats, FOLDER / "chats.parquet", compression="snappy")


if __name__ == "__main__":
    main()
