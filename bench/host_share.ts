/**
 * The host's share of work on a GPU: quantization and decoding of a model of Llama-2-7B's shape on the emulated device,
 * idle (`ffi/native/cuda/emulated/traffic.h`), so that only TypeScript, calls, copies and files take time. Two models of
 * few blocks are run, and what one more block takes goes on in a straight line. What the kernels take, and whether the two
 * overlap, only a GPU can say.
 *
 *     deno task build:native --emulated
 *     deno task bench:host [--tiny] [--turns 3]
 *
 * @module
 */

import type { IdleReply } from "./idle_run.ts";
import { emit } from "./measure.ts";
import { readOptions } from "./options.ts";
import { SHAPES } from "./shaped_model.ts";
import { writeShapedModel } from "./write_shaped_model.ts";

const BLOCKS = [1, 4] as const;
const DEVICE_MEBIBYTES = 80 * 1024;

/** How often and for how many bytes the device was asked. */
interface Traffic extends Record<string, unknown> {
  readonly launches: Readonly<Record<string, number>>;
}

interface Run {
  readonly reply: IdleReply;
  readonly times: ReadonlyMap<string, number>;
  readonly bytes: ReadonlyMap<string, number>;
}

async function run(directory: string, args: readonly string[]): Promise<Run> {
  const traffic = `${directory}-traffic.json`;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "--allow-read", "--allow-write"],
      "--allow-ffi=ffi/native/prebuilt,ffi/native/build",
      ...["bench/idle_run.ts", directory, ...args],
    ],
    cwd: new URL("../", import.meta.url).pathname,
    env: {
      SALIENT_EMULATED_IDLE: "1",
      SALIENT_EMULATED_MEMORY: `${DEVICE_MEBIBYTES}`,
      SALIENT_EMULATED_TRAFFIC: traffic,
    },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).slice(0, 2000));
  const { launches, ...asked }: Traffic = JSON.parse(await Deno.readTextFile(traffic));
  const counts = asked as Record<string, { times: number; bytes: number }>;
  const kernels = Object.values(launches).reduce((sum, times) => sum + times, 0);
  return {
    reply: JSON.parse(new TextDecoder().decode(stdout)),
    times: new Map([...Object.entries(counts).map(([k, v]) => [k, v.times] as const), [
      "launch",
      kernels,
    ]]),
    bytes: new Map(Object.entries(counts).map(([k, v]) => [k, v.bytes])),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

const options = readOptions(Deno.args);
// An idle device makes nothing of what it is asked for in pieces of 4 KiB or less, so the tiny shape is not that tiny.
const tiny = { ...SHAPES.tiny, hidden: 1024, mlp: 2048, heads: 8, kvHeads: 8 };
const shape = options.tiny ? tiny : SHAPES["7b"];
const [samples, seqLen] = options.tiny ? [2, 64] : [128, 512];
const folder = await Deno.makeTempDir({ prefix: "salient-bench-" });
try {
  for (const blocks of BLOCKS) await writeShapedModel(`${folder}/${blocks}`, { ...shape, blocks });
  const [few, many] = BLOCKS;
  const works: readonly (readonly [string, readonly string[]])[] = [
    ["awq", [`${samples}`, `${seqLen}`]],
    ["gptq", [`${samples}`, `${seqLen}`]],
    ["decode", [options.tiny ? "8" : "64"]],
  ];
  for (const [work, args] of works) {
    const turns: [Run, Run][] = [];
    for (let turn = 0; turn < options.turns; turn++) {
      turns.push([
        await run(`${folder}/${few}`, [work, ...args]),
        await run(`${folder}/${many}`, [work, ...args]),
      ]);
    }
    const slope = (value: (run: Run) => number): number =>
      median(turns.map(([a, b]) => (value(b) - value(a)) / (many - few)));
    const fixed = median(turns.map(([a]) => a.reply.seconds)) - few * slope((r) => r.reply.seconds);
    const block = slope(({ reply }) => reply.seconds);
    const group = `${work}, the host's share of a block`;
    emit({ group, who: "salient", unit: "s", value: block, runs: options.turns });
    const whole = `${work}, the host's share of 32 blocks of 7B`;
    const value = fixed + 32 * block;
    emit({ group: whole, who: "salient", unit: "s", value, note: "extrapolated" });
    const { deviceBytes } = turns[0]![1].reply;
    emit({ group: `${work}, device memory`, who: "salient", unit: "bytes", value: deviceBytes });
    const asked = [...turns[0]![1].times.keys()].map((what) => {
      const bytes = slope((r) => r.bytes.get(what) ?? 0) / 2 ** 20;
      const times = slope((r) => r.times.get(what) ?? 0);
      return `${what} ${times.toFixed(0)}${bytes === 0 ? "" : ` (${bytes.toFixed(1)} MiB)`}`;
    });
    emit({ who: "salient", about: `${work}, asked for each block: ${asked.join(", ")}` });
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
