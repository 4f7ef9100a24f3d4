/**
 * Documents of text, JSONL and parquet files, and what is refused.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { SourceDocument } from "../../../core/calibration/document.ts";
import { openSource } from "../../../core/calibration/open_source.ts";
import { readText } from "../../../core/calibration/read_text.ts";
import { SalientError } from "../../../core/errors.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;

async function collect(source: string, column?: string): Promise<SourceDocument[]> {
  return await Array.fromAsync(openSource(source, column).documents());
}

async function texts(source: string, column?: string): Promise<string[]> {
  const documents = await collect(source, column);
  return documents.map((document) => document.kind === "text" ? document.text : "a chat");
}

async function withFile(
  name: string,
  content: string | Uint8Array,
  body: (path: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${directory}/${name}`, bytes);
    await body(`${directory}/${name}`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function refused(code: string, ...words: RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SalientError, String(error));
    assert.equal(error.code, code);
    assert.ok(!error.message.includes("\n"), "one line");
    for (const word of words) assert.match(error.message, word);
    return true;
  };
}

Deno.test("a text file is one document, without its byte order mark", async () => {
  await withFile("a.txt", "\uFEFFline 1\r\nline 2 \uFFFD\n", async (path) => {
    assert.deepEqual(await texts(path), ["line 1\r\nline 2 \uFFFD\n"]);
    assert.deepEqual(await readText(path), { text: "line 1\r\nline 2 \uFFFD\n", name: path });
  });
});

Deno.test("bytes that are not text are refused, with the offset of the first", async () => {
  const good = new TextEncoder().encode("Grüße \uFFFD ");
  for (const bad of [[0xff], [0xc3], [0xe2, 0x82], [0x00], [0xed, 0xa0, 0x80]]) {
    await withFile("a.txt", new Uint8Array([...good, ...bad]), async (path) => {
      await assert.rejects(
        texts(path),
        refused("input", /a\.txt is not UTF-8 text/, RegExp(`byte ${good.length} `)),
      );
    });
  }
});

Deno.test("the offset of the first byte that is not text is right wherever it is", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/a.txt`;
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), fc.string(), async (before, after) => {
        const encoder = new TextEncoder();
        const start = encoder.encode(before.replaceAll("\0", ""));
        const bytes = new Uint8Array([...start, 0xfe, ...encoder.encode(after)]);
        await Deno.writeFile(path, bytes);
        await assert.rejects(texts(path), refused("input", RegExp(`byte ${start.length} `)));
      }),
      { numRuns: 40 },
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

for (const name of ["a.txt", "a.jsonl", "a.parquet"]) {
  Deno.test(`a missing ${name} and a directory of that name are refused`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      const path = `${directory}/${name}`;
      await assert.rejects(texts(path), refused("input", /does not exist/));
      await Deno.mkdir(path);
      await assert.rejects(texts(path), refused("input", /is a directory/));
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

Deno.test({
  name: "a file outside what may be read is refused",
  permissions: { read: [FIXTURES] },
  fn: async () => {
    await assert.rejects(texts("/elsewhere/a.txt"), refused("input", /--allow-read/));
  },
});

Deno.test("an empty file has no text to measure with", async () => {
  for (const name of ["a.txt", "a.jsonl"]) {
    await withFile(name, " \n\n", async (path) => {
      await assert.rejects(readText(path), refused("input", /holds no text/));
    });
  }
});

Deno.test("a JSONL file gives a document a line, whatever the line ends are", async () => {
  const lines = '\uFEFF{"text":"a"}\r\n\n  {"text":"b\\n", "messages": 1}\n{"text":"ü😀"}';
  await withFile("a.jsonl", lines, async (path) => {
    assert.deepEqual(await texts(path), ["a", "b\n", "ü😀"]);
    assert.equal((await readText(path)).text, "a\n\nb\n\n\nü😀");
  });
});

Deno.test("lines longer than what is read at once stay whole", async () => {
  const lengths = [1, 300_000, 262_144, 5, 1_000_000, 0];
  const lines = lengths.map((length) => JSON.stringify({ text: "é".repeat(length) }));
  await withFile("a.ndjson", lines.join("\n"), async (path) => {
    assert.deepEqual((await texts(path)).map((text) => text.length), lengths);
  });
});

Deno.test("keys of a JSONL file are chosen by #KEY or by the column", async () => {
  await withFile("a.jsonl", '{"text":"a","story":"b"}\n', async (path) => {
    assert.deepEqual(await texts(`${path}#story`), ["b"]);
    assert.deepEqual(await texts(path, "story"), ["b"]);
    await assert.rejects(texts(`${path}#tale`), refused("input", /line 1 has no "tale"/, /#KEY/));
  });
});

Deno.test("a chat in a JSONL file is a chat", async () => {
  const messages = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Ho" }];
  await withFile("a.jsonl", JSON.stringify({ messages }), async (path) => {
    assert.deepEqual(await collect(path), [{ kind: "chat", messages, place: `${path}, line 1` }]);
    await assert.rejects(readText(path), refused("input", /line 1 is a chat/));
  });
});

const broken: [string, string | Uint8Array, RegExp][] = [
  ["cut short", '{"text":"a"}\n{"text":', /line 2 is not valid JSON/],
  ["not UTF-8", new Uint8Array([0x7b, 0xff, 0x0a]), /line 1 is not valid JSON in UTF-8/],
  ["a number", '{"text":"a"}\n\n3\n', /line 3 does not hold an object/],
  ["an array", "[1]\n", /line 1 does not hold an object/],
  ["without text", '{"title":"a"}\n', /line 1 has no "text" or "messages"/],
  ["with a number as text", '{"text":1}\n', /line 1 has neither text nor messages in "text"/],
  ["with no messages", '{"messages":[]}\n', /line 1: "messages" is not a list/],
  ["with a null message", '{"messages":[null]}\n', /line 1: "messages" holds something else/],
  ["with a message without content", '{"messages":[{"role":"user"}]}', /line 1: "messages" has a/],
];

for (const [name, content, words] of broken) {
  Deno.test(`a JSONL line ${name} is refused by its number`, async () => {
    await withFile("a.jsonl", content, async (path) => {
      await assert.rejects(texts(path), refused("input", words));
    });
  });
}

const documents = ["first document", "", "fourth: Grüße 😀", "fifth ".repeat(20)];

for (const codec of ["snappy", "zstd", "gzip"]) {
  Deno.test(`a parquet file packed with ${codec} gives its column of text`, async () => {
    const path = `${FIXTURES}documents.${codec}.parquet`;
    assert.deepEqual(await texts(path), documents);
    assert.deepEqual(await texts(`${path}#title`), [0, 1, 2, 3, 4].map((i) => `title ${i}`));
    assert.deepEqual((await texts(path, "title")).length, 5);
  });
}

Deno.test("a parquet file's column of messages is chats", async () => {
  const place = (name: string) => ({
    kind: "chat",
    messages: [
      { role: "user", content: "question 0" },
      { role: "assistant", content: "answer 0" },
    ],
    place: `${FIXTURES}${name}, row 1`,
  });
  assert.deepEqual((await collect(`${FIXTURES}chats.parquet`))[0], place("chats.parquet"));
  const named = await collect(`${FIXTURES}documents.snappy.parquet#messages`);
  assert.deepEqual(named[0], place("documents.snappy.parquet"));
  assert.equal(named.length, 5);
});

Deno.test("a column that is not there or holds no text is refused", async () => {
  const path = `${FIXTURES}documents.snappy.parquet`;
  await assert.rejects(
    texts(`${path}#body`),
    refused("input", /no column body/, /id, text, title, messages/),
  );
  await assert.rejects(texts(`${path}#id`), refused("input", /row 1: the column id/));
});

Deno.test("a parquet file with any byte range lost is read right or refused in one line", async () => {
  const whole = await Deno.readFile(`${FIXTURES}documents.snappy.parquet`);
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/a.parquet`;
    const range = fc.tuple(fc.nat(whole.length), fc.nat(whole.length));
    await fc.assert(
      fc.asyncProperty(range, async ([a, b]) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        await Deno.writeFile(
          path,
          new Uint8Array([...whole.subarray(0, from), ...whole.subarray(to)]),
        );
        try {
          await collect(path);
        } catch (error) {
          refused("input", /a\.parquet/)(error);
        }
      }),
      { numRuns: 60 },
    );
    await Deno.writeFile(path, whole.subarray(0, whole.length - 4));
    await assert.rejects(collect(path), refused("input", /cannot be read as parquet/));
    await Deno.writeFile(path, new Uint8Array(0));
    await assert.rejects(collect(path), refused("input", /cannot be read as parquet/));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("files are closed when only the first documents are asked for", async () => {
  // The resource sanitizer fails this test otherwise.
  for (const name of ["chats.parquet", "documents.zstd.parquet"]) {
    for await (const document of openSource(FIXTURES + name).documents()) {
      assert.ok(document);
      break;
    }
  }
  await withFile("a.jsonl", '{"text":"a"}\n'.repeat(9), async (path) => {
    for await (const document of openSource(path).documents()) {
      assert.ok(document);
      break;
    }
  });
});

Deno.test("an empty source is a usage error", () => {
  assert.throws(() => openSource(" "), refused("usage", /empty/));
});
