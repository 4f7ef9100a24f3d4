import assert from "node:assert/strict";
import { explainError } from "../../../cli/explain_error.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { entry, refused, safetensors, temporaryDirectory, writeFiles } from "./checkpoint_files.ts";

const INDEX = "model.safetensors.index.json";
const WEIGHTS = "model.safetensors";

/** Writes a good model, spoils it, and asserts that it is refused as a command would show it. */
async function spoiled(
  message: RegExp,
  spoil: (directory: string) => Promise<unknown> | unknown,
): Promise<void> {
  await using folder = await temporaryDirectory();
  const directory = `${folder.path}/model`;
  await Deno.mkdir(directory);
  await writeTinyModel(directory, TINY_LLAMA);
  await spoil(directory);
  using backend = createReferenceBackend();
  const open = async (): Promise<void> => {
    using _model = await openModel(directory, backend);
  };
  const { line, status } = explainError(await refused(open, message), false);
  assert.equal(status, 2);
  assert.match(line, /^[^\p{C}\p{Zl}\p{Zp}]+$/u, "one line, and nothing that moves the cursor");
  assert.equal(backend.allocatedBytes(), 0);
}

/** Replaces the one file by a shard and an index that names it. */
async function withIndex(directory: string, index: unknown): Promise<void> {
  await Deno.rename(`${directory}/${WEIGHTS}`, `${directory}/a.safetensors`);
  await writeFiles(directory, { [INDEX]: index as object });
}

/** Sets a length of a sparse file, which takes no room on the disk. */
async function lengthen(path: string, bytes: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  await file.truncate(bytes);
}

Deno.test("a shard that is cut short is refused", async () => {
  for (const keep of [0, 7, 8, 100, 5000]) {
    await spoiled(
      /empty or cut short|is truncated/,
      (directory) => Deno.truncate(`${directory}/${WEIGHTS}`, keep),
    );
  }
});

Deno.test("offsets that overlap, leave gaps, lead out of the file or do not fit are refused", async () => {
  const headers: [RegExp, object][] = [
    [/shares bytes/, { a: entry("U8", [4], 0, 4), b: entry("U8", [4], 2, 6) }],
    [/gap of 2 bytes/, { a: entry("U8", [2], 0, 2), b: entry("U8", [4], 4, 8) }],
    [/is truncated/, {
      a: entry("U8", [4], 0, 4),
      b: entry("U8", [2 ** 20, 2 ** 20], 4, 4 + 2 ** 40),
    }],
    [/takes 4 bytes, but F32 \[2\] needs 8/, { a: entry("F32", [2], 0, 4) }],
    [/bytes after its last tensor/, { a: entry("U8", [4], 0, 4) }],
    [/not whole numbers/, { a: entry("U8", [4], -4, 0) }],
    [/not whole numbers/, { a: entry("U8", [4], 2 ** 53, 2 ** 53 + 4) }],
  ];
  for (const [message, header] of headers) {
    await spoiled(
      message,
      (directory) => Deno.writeFile(`${directory}/${WEIGHTS}`, safetensors(header, 8)),
    );
  }
});

Deno.test("absurd dimensions are refused before anything is allocated", async () => {
  const shapes: [RegExp, number[]][] = [
    [/too large to count/, [2 ** 31, 2 ** 31]],
    [/too large to count/, [2 ** 52, 2 ** 52, 0]],
    [/too large to count/, [0, 2 ** 40]],
    [/9 axes/, new Array(9).fill(1)],
    [/100000 axes/, new Array(100_000).fill(1)],
  ];
  for (const [message, shape] of shapes) {
    const bytes = shape.includes(0) ? 0 : 1;
    const file = safetensors({ a: entry("U8", shape, 0, bytes) }, bytes);
    await spoiled(message, (directory) => Deno.writeFile(`${directory}/${WEIGHTS}`, file));
  }
  const sizes = { vocab_size: 2 ** 24, hidden_size: 2 ** 16, intermediate_size: 2 ** 20 };
  for (const [key, size] of Object.entries(sizes)) {
    await spoiled(
      /but its config\.json makes it \[/,
      (directory) => writeFiles(directory, { "config.json": { ...TINY_LLAMA, [key]: size } }),
    );
  }
  for (const size of [1e300, -1, 0, 1.5, "32", null, [32], 2 ** 60]) {
    const config = { ...TINY_LLAMA, hidden_size: size };
    await spoiled(
      /hidden_size in config\.json/,
      (directory) => writeFiles(directory, { "config.json": config }),
    );
  }
});

Deno.test("counts that do not agree with the tensors are refused", async () => {
  await spoiled(
    /has no tensor model\.layers\.2\./,
    (directory) =>
      writeFiles(directory, { "config.json": { ...TINY_LLAMA, num_hidden_layers: 3 } }),
  );
  await spoiled(
    /is \[64, 32\], but its config\.json makes it \[63, 32\]/,
    (directory) => writeFiles(directory, { "config.json": { ...TINY_LLAMA, vocab_size: 63 } }),
  );
});

Deno.test("an index that names files outside, or what is no shard, is refused", async () => {
  const names = [
    "../x.safetensors",
    "/etc/x.safetensors",
    "a/../../b.safetensors",
    "..\\x.safetensors",
    "C:x.safetensors",
    "a.safetensors\0",
    "\u001b[2Ja.safetensors",
    "/dev/zero",
    INDEX,
    ".",
  ];
  for (const name of names) {
    await spoiled(
      /only names of \.safetensors files in the directory are accepted/,
      (directory) => withIndex(directory, { weight_map: { "lm_head.weight": name } }),
    );
  }
});

Deno.test("an index that leads to itself, to nothing, or in a circle is refused", async () => {
  const map = { weight_map: { "lm_head.weight": "b.safetensors" } };
  await spoiled(/b\.safetensors does not exist/, (directory) => withIndex(directory, map));
  await spoiled(/header .*not a safetensors file/, async (directory) => {
    await withIndex(directory, map);
    await Deno.symlink(INDEX, `${directory}/b.safetensors`);
  });
  await spoiled(/cannot be read: .*(symbolic links|symlink)/i, async (directory) => {
    await withIndex(directory, map);
    await Deno.symlink("c.safetensors", `${directory}/b.safetensors`);
    await Deno.symlink("b.safetensors", `${directory}/c.safetensors`);
  });
  await spoiled(/is in both a\.safetensors and b\.safetensors/, async (directory) => {
    const both = { "lm_head.weight": "b.safetensors", "model.norm.weight": "a.safetensors" };
    await withIndex(directory, { weight_map: both });
    await Deno.symlink("a.safetensors", `${directory}/b.safetensors`);
  });
});

Deno.test("what stands in a file's place is refused, and never waited for", async () => {
  for (const name of [WEIGHTS, "config.json", "generation_config.json"]) {
    await spoiled(/is not a regular file/, async (directory) => {
      await Deno.remove(`${directory}/${name}`).catch(() => {});
      await Deno.mkdir(`${directory}/${name}`);
    });
    await spoiled(/is not a regular file/, async (directory) => {
      await Deno.remove(`${directory}/${name}`).catch(() => {});
      const { success } = await new Deno.Command("mkfifo", { args: [`${directory}/${name}`] })
        .output();
      assert.ok(success);
    });
    await spoiled(/is a link to \/dev\/zero, outside/, async (directory) => {
      await Deno.remove(`${directory}/${name}`).catch(() => {});
      await Deno.symlink("/dev/zero", `${directory}/${name}`);
    });
  }
});

Deno.test("JSON that is too large, too deep or says things twice is refused", async () => {
  const files: [RegExp, string, string][] = [
    [/nests objects and arrays more than 64 deep/, "config.json", "[".repeat(100_000)],
    [/nests objects and arrays more than 8 deep/, INDEX, '{"a":'.repeat(100_000)],
    [/has the key vocab_size twice/, "config.json", '{"vocab_size": 1, "vocab\\u005fsize": 2}'],
    [/has the key x twice/, INDEX, '{"weight_map": {"x": "a.safetensors", "x": "b.safetensors"}}'],
    [/is not valid JSON/, "config.json", '{"hidden_size": NaN}'],
    [/is not valid JSON/, "config.json", '{"hidden_size": 32'],
    [/is not UTF-8/, "config.json", ""],
  ];
  for (const [message, name, text] of files) {
    await spoiled(message, async (directory) => {
      if (name === INDEX) await Deno.remove(`${directory}/${WEIGHTS}`);
      const bytes = text === "" ? Uint8Array.of(0x7b, 0xff, 0x7d) : new TextEncoder().encode(text);
      await Deno.writeFile(`${directory}/${name}`, bytes);
    });
  }
  await spoiled(
    /has 1073741824 bytes, more than/,
    (directory) => lengthen(`${directory}/config.json`, 2 ** 30),
  );
  await spoiled(/has 1073741824 bytes, more than/, async (directory) => {
    await Deno.remove(`${directory}/${WEIGHTS}`);
    await lengthen(`${directory}/${INDEX}`, 2 ** 30);
  });
  await spoiled(/claims a header of 9223372036854775807 bytes/, (directory) =>
    Deno.writeFile(
      `${directory}/${WEIGHTS}`,
      Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 127, 123),
    ));
  // A file of zeros is sparse, so the length that a header may have is there.
  await spoiled(/header .* not a safetensors file/, async (directory) => {
    await lengthen(`${directory}/${WEIGHTS}`, 0);
    await lengthen(`${directory}/${WEIGHTS}`, 2 ** 40);
  });
});

Deno.test("names that would write to the terminal are shown as escapes", async () => {
  const name = "x\u001b]0;title\u0007\n\u202e\u2028";
  const header = { [name]: entry("U8", [4], 0, 3) };
  await spoiled(
    /Tensor x\\u\{1b\}\]0;title\\u\{7\}\\u\{a\}/,
    (directory) => Deno.writeFile(`${directory}/${WEIGHTS}`, safetensors(header, 3)),
  );
});

Deno.test("a link out of the directory is refused wherever it is read", async () => {
  await using folder = await temporaryDirectory();
  const secret = `${folder.path}/secret.json`;
  await Deno.writeTextFile(secret, JSON.stringify({ model: { type: "BPE" } }));
  for (const name of ["config.json", WEIGHTS, "generation_config.json"]) {
    await spoiled(/is a link to .*secret\.json, outside of its directory/, async (directory) => {
      await Deno.remove(`${directory}/${name}`).catch(() => {});
      await Deno.symlink(secret, `${directory}/${name}`);
    });
  }
  await Deno.mkdir(`${folder.path}/tokenizer`);
  await Deno.symlink("../secret.json", `${folder.path}/tokenizer/tokenizer.json`);
  await refused(() => loadTokenizer(`${folder.path}/tokenizer`), /is a link to .*, outside/);
});
