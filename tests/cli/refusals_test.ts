import assert from "node:assert/strict";
import { runSalient } from "./run_salient.ts";

const MODEL = "models/salient-tiny";

/** One line on standard error, nothing on standard output, exit status 2. */
async function refused(pattern: RegExp, ...args: string[]): Promise<void> {
  const run = await runSalient(...args);
  assert.equal(run.stdout, "");
  assert.match(run.stderr, pattern);
  assert.equal(run.stderr.trimEnd().split("\n").length, 1, run.stderr);
  assert.equal(run.status, 2, run.stderr);
}

Deno.test("wrong usage is one line and exit status 2", async (t) => {
  const cases: [string, RegExp, string[]][] = [
    ["an unknown command", /Did you mean `quantize`/, ["quantise", MODEL]],
    ["an unknown option", /Did you mean `--bits`/, ["quantize", MODEL, "--out", "x", "--bit", "4"]],
    ["too many bits", /--bits/, ["quantize", MODEL, "--out", "x", "--bits", "9"]],
    ["an unknown method", /"magic" is unknown: use awq, gptq, rtn/, [
      "quantize",
      MODEL,
      "--out",
      "x",
      "--method",
      "magic",
    ]],
    ["a missing option", /--out/, ["quantize", MODEL]],
    ["an unknown format", /awq-gemm/, ["quantize", MODEL, "--out", "x", "--format", "awq-gem"]],
    ["a backend that is not there", /CUDA/i, [
      "eval",
      MODEL,
      "--text",
      "README.md",
      "--backend",
      "cuda",
    ]],
    ["a plugin that is not there", /Plugin .*nothing\.ts/, [
      ...["quantize", MODEL, "--out", "x", "--plugin", "./nothing.ts"],
    ]],
  ];
  for (const [name, pattern, args] of cases) await t.step(name, () => refused(pattern, ...args));
});

Deno.test("wrong input is one line and exit status 2, and nothing is written", async (t) => {
  const directory = await Deno.makeTempDir();
  const out = `${directory}/out`;
  const quantize = (...args: string[]): string[] => ["quantize", ...args, "--out", out];
  try {
    await Deno.writeTextFile(`${directory}/short.txt`, "Too short.");
    await Deno.writeTextFile(`${directory}/empty.txt`, "");
    await Deno.writeFile(`${directory}/binary.txt`, new Uint8Array([0xff, 0xfe, 0x00, 0xc0]));
    await Deno.mkdir(`${directory}/empty`);
    const cases: [string, RegExp, string[]][] = [
      ["a model that is not there", /nowhere/, quantize(`${directory}/nowhere`)],
      [
        "a directory without config.json",
        /no weights|config\.json/,
        quantize(`${directory}/empty`),
      ],
      [
        "a group size that does not divide",
        /96 does not divide/,
        quantize(MODEL, "--group-size", "96"),
      ],
      ["text that is too short", /tokens/, quantize(MODEL, "--calib", `${directory}/short.txt`)],
      ["empty text", /empty/i, quantize(MODEL, "--calib", `${directory}/empty.txt`)],
      ["text that is not text", /UTF-8/, quantize(MODEL, "--calib", `${directory}/binary.txt`)],
      ["text that is not there", /gone\.txt/, quantize(MODEL, "--calib", `${directory}/gone.txt`)],
      [
        "bits the format cannot hold",
        /awq-gemm/,
        quantize(MODEL, "--bits", "8", "--method", "rtn"),
      ],
      ["a limit that nothing fits in", /--memory|memory/, quantize(MODEL, "--memory", "1KiB")],
      ["text to measure that is too short", /tokens/, [
        ...["eval", MODEL, "--text", `${directory}/short.txt`],
      ]],
    ];
    for (const [name, pattern, args] of cases) await t.step(name, () => refused(pattern, ...args));
    const left = [...Deno.readDirSync(directory)].map((entry) => entry.name).sort();
    assert.deepEqual(left, ["binary.txt", "empty", "empty.txt", "short.txt"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
