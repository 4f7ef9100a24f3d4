import assert from "node:assert/strict";
import { testBackends } from "../../test_backends.ts";
import { temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

const CHILD = new URL("memory_child.ts", import.meta.url).pathname;
const ROOT = new URL("../../../", import.meta.url).pathname;
const WEIGHTS = 1024 * 8192;
const MIB = 2 ** 20;

/**
 * From and to, and the tensors that may be in memory at once, in bytes for each weight of the largest linear: its integers
 * (1), its words in the new format, and those of the linear before that are still being written (a half each for 4 bits).
 * As fp32 it would be 4 more.
 */
const PAIRS: readonly (readonly [pair: string, bytes: number])[] = [
  ["plain:gguf", 0.1],
  ["gguf:dequantized", 0.1],
  ["gguf:pack-quantized", 2.3],
  ["awq-gemm:gptq-v2", 2.3],
  ["awq-gemm:gguf", 1.2],
  ["awq-gemm:dequantized", 1.5],
  ["gptq:awq-gemv", 2.3],
  ["pack-quantized:awq-gemm", 2.3],
  ["int-quantized:dequantized", 1.5],
  ["int-quantized:pack-quantized", 2.5],
];

/** Growth of the whole process, all conversions together: the above, and what the garbage collector has not seen yet. */
const MOST_GROWTH = 110 * MIB;

Deno.test({
  name: "a conversion holds one tensor: its integers and its words, never its numbers",
  ignore: testBackends().every(({ name }) => name !== "cpu"),
  async fn() {
    await using folder = await temporaryDirectory();
    await run("prepare", folder.path);
    const lines = (await run("convert", folder.path)).trim().split("\n");
    const results = lines.map((line) =>
      JSON.parse(line) as { pair: string; allocated: number; peak: number }
    );
    assert.deepEqual(results.map(({ pair }) => pair), PAIRS.map(([pair]) => pair));
    for (const [i, [pair, bytes]] of PAIRS.entries()) {
      const held = results[i]!.allocated / WEIGHTS;
      assert.ok(held <= bytes, `${pair} holds ${held.toFixed(2)} bytes for each weight`);
    }
    const growth = results.at(-1)!.peak - results[0]!.peak;
    assert.ok(growth <= MOST_GROWTH, `${Math.round(growth / MIB)} MiB`);
  },
});

/** What the child prints. */
async function run(verb: "prepare" | "convert", folder: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      "--allow-write",
      "--allow-ffi=ffi/native/prebuilt,ffi/native/build",
      CHILD,
      verb,
      folder,
      ...PAIRS.map(([pair]) => pair),
    ],
    cwd: ROOT,
  }).output();
  const text = new TextDecoder();
  assert.ok(success, text.decode(stderr));
  return text.decode(stdout);
}
