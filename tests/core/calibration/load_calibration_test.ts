/**
 * Calibration sets: how documents become windows, and what is refused.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type CalibrationOptions,
  loadCalibration,
} from "../../../core/calibration/load_calibration.ts";
import { SalientError } from "../../../core/errors.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import type { Tokenizer } from "../../../core/tokenizer/types.ts";

const MODEL = new URL("../../../models/salient-tiny", import.meta.url).pathname;

/** A token a character; 0 leads every text. It counts what it was asked. */
class Characters implements Tokenizer {
  readonly vocabSize = 0x11_0000;
  calls = 0;

  encode(text: string, options: { specialTokens?: boolean } = {}): Int32Array {
    this.calls++;
    const ids = Array.from(text, (character) => character.codePointAt(0)!);
    return Int32Array.from(options.specialTokens === false ? ids : [0, ...ids]);
  }

  decode(ids: ArrayLike<number>): string {
    return String.fromCodePoint(...Array.from(ids));
  }

  formatChat(messages: readonly { role: string; content: string }[]): string {
    return messages.map(({ role, content }) => `[${role}]${content}`).join("");
  }

  checkVocabulary(): void {}
}

async function withLines(
  texts: readonly unknown[],
  body: (path: string) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    await Deno.writeTextFile(path, texts.map((value) => JSON.stringify(value)).join("\n"));
    await body(path);
  } finally {
    await Deno.remove(path);
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

Deno.test("documents follow each other, each with its special tokens, and are cut anywhere", async () => {
  const documents = [{ text: "abcdefg" }, { text: "" }, { text: "h" }, { text: "ijk" }];
  await withLines(documents, async (source) => {
    const tokenizer = new Characters();
    const set = await loadCalibration({ source, tokenizer, samples: 9, seqLen: 3 });
    assert.equal(tokenizer.decode(set.ids), "\0abcdefg\0h\0i");
    const { ids: _, ...rest } = set;
    assert.deepEqual(rest, { samples: 4, seqLen: 3, tokens: 12, source, documents: 3 });
  });
});

Deno.test("with seed 0 the windows are the stream from its start, and no more is read", async () => {
  const texts = fc.array(fc.string({ maxLength: 20 }), { minLength: 1, maxLength: 12 });
  const number = fc.integer({ min: 1, max: 9 });
  await fc.assert(
    fc.asyncProperty(texts, number, number, async (texts, samples, seqLen) => {
      await withLines(texts.map((text) => ({ text })), async (source) => {
        const reference = new Characters();
        const parts = texts.filter((text) => text !== "").map((text) => [
          ...reference.encode(text),
        ]);
        const stream = parts.flat();
        const count = Math.min(samples, Math.floor(stream.length / seqLen));
        let needed = 0;
        for (let total = 0; needed < parts.length && total < samples * seqLen; needed++) {
          total += parts[needed]!.length;
        }
        const tokenizer = new Characters();
        const set = loadCalibration({ source, tokenizer, samples, seqLen });
        if (count === 0) return await assert.rejects(set, refused("input", /a window needs/));
        assert.deepEqual([...(await set).ids], stream.slice(0, count * seqLen));
        assert.equal(tokenizer.calls, needed);
        assert.equal((await set).documents, needed);
      });
    }),
    { numRuns: 50 },
  );
});

Deno.test("another seed takes other windows of all the text, the same every time", async () => {
  const text = Array.from({ length: 500 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join("");
  await withLines([{ text }, { text: "the end." }], async (source) => {
    const tokenizer = new Characters();
    const options: CalibrationOptions = { source, tokenizer, samples: 5, seqLen: 10 };
    const one = await loadCalibration({ ...options, seed: 1 });
    assert.equal(one.documents, 2);
    assert.deepEqual((await loadCalibration({ ...options, seed: 1 })).ids, one.ids);
    assert.notDeepEqual((await loadCalibration({ ...options, seed: 2 })).ids, one.ids);
    assert.notDeepEqual((await loadCalibration(options)).ids, one.ids);
  });
});

Deno.test("chats are written by the template, with its special tokens only", async () => {
  const messages = [{ role: "user", content: "Hi" }, { role: "bot", content: "Ho" }];
  await withLines([{ messages }], async (source) => {
    const tokenizer = new Characters();
    const set = await loadCalibration({ source, tokenizer, samples: 1, seqLen: 13 });
    assert.equal(tokenizer.decode(set.ids), "[user]Hi[bot]");
  });
});

Deno.test("a chat for a model without a template is refused", async () => {
  const tokenizer = await loadTokenizer(MODEL);
  await withLines([{ messages: [{ role: "user", content: "Hi" }] }], async (source) => {
    await assert.rejects(
      loadCalibration({ source, tokenizer, samples: 1, seqLen: 4 }),
      refused("input", /no chat template/),
    );
  });
});

Deno.test("too little text is refused, with how much there is and how much is needed", async () => {
  await withLines([{ text: "abc" }], async (source) => {
    await assert.rejects(
      loadCalibration({ source, tokenizer: new Characters(), samples: 1, seqLen: 5 }),
      refused("input", /has 4 tokens, but a window needs 5/),
    );
  });
  await withLines([], async (source) => {
    await assert.rejects(
      loadCalibration({ source, tokenizer: new Characters(), samples: 1, seqLen: 5 }),
      refused("input", /has 0 tokens/),
    );
  });
});

Deno.test("impossible numbers are usage errors", async () => {
  const good: CalibrationOptions = {
    source: "default",
    tokenizer: new Characters(),
    samples: 1,
    seqLen: 1,
  };
  for (
    const bad of [
      { samples: 0 },
      { samples: 1.5 },
      { seqLen: -1 },
      { seqLen: NaN },
      { seed: 0.5 },
      { samples: 2 ** 20, seqLen: 2 ** 12 },
      { source: "self" },
      { source: "" },
    ]
  ) await assert.rejects(loadCalibration({ ...good, ...bad }), refused("usage"));
});

Deno.test("self asks the model, and checks what it gives", async () => {
  const asked: number[][] = [];
  const options: CalibrationOptions = {
    source: "self",
    tokenizer: new Characters(),
    samples: 2,
    seqLen: 3,
    seed: 7,
    sampleSelf: (...numbers) => {
      asked.push(numbers);
      return Promise.resolve(Int32Array.of(1, 2, 3, 4, 5, 6));
    },
  };
  const set = await loadCalibration(options);
  assert.deepEqual(asked, [[2, 3, 7]]);
  assert.deepEqual([...set.ids], [1, 2, 3, 4, 5, 6]);
  assert.deepEqual([set.samples, set.tokens, set.source], [2, 6, "self"]);
  const sampleSelf = () => Promise.resolve(new Int32Array(5));
  await assert.rejects(loadCalibration({ ...options, sampleSelf }), refused("failed", /5 ids/));
});

Deno.test("progress is told after each document, and the signal stops between them", async () => {
  await withLines([{ text: "abc" }, { text: "de" }, { text: "f" }], async (source) => {
    const told: number[][] = [];
    const controller = new AbortController();
    const options: CalibrationOptions = {
      source,
      tokenizer: new Characters(),
      samples: 9,
      seqLen: 1,
      signal: controller.signal,
      onProgress: (...numbers) => void told.push(numbers),
    };
    await loadCalibration(options);
    assert.deepEqual(told, [[4, 1], [7, 2], [9, 3]]);
    const stop = { ...options, onProgress: () => controller.abort(new Error("enough")) };
    await assert.rejects(loadCalibration(stop), /enough/);
    await assert.rejects(loadCalibration(options), /enough/);
  });
});

Deno.test("the embedded model's windows of the default text", async () => {
  const tokenizer = await loadTokenizer(MODEL);
  const set = await loadCalibration({ source: "default", tokenizer, samples: 8, seqLen: 256 });
  assert.equal(set.tokens, 2048);
  assert.match(tokenizer.decode(set.ids), /Representatives/);
});
