/**
 * `prepare` writes a model with large linears, plain and quantized; `convert` converts it from format to format and prints
 * the memory of each. For `memory_test.ts`.
 *
 * @module
 */

import type { Backend } from "../../../core/backend.ts";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { convertModel } from "../../../core/convert/convert_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { normalNumbers } from "../../../core/random.ts";
import { createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { TINY_LLAMA, tinyShapes } from "../../tiny_model.ts";

const CONFIG: JsonObject = {
  ...TINY_LLAMA,
  vocab_size: 4096,
  hidden_size: 1024,
  intermediate_size: 8192,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 64,
  tie_word_embeddings: true,
};

const [verb, folder = "", ...pairs] = Deno.args;
const path = (format: string): string =>
  `${folder}/${format}${format.endsWith("gguf") ? ".gguf" : ""}`;

using backend = createCpuBackend();
if (verb === "prepare") {
  await writePlain(path("plain"));
  for (const format of new Set(pairs.map((pair) => pair.split(":")[0]!))) {
    if (format !== "plain") await writeQuantized(format);
  }
  Deno.exit();
}
for (const pair of pairs) {
  const [from = "", format = ""] = pair.split(":");
  const out = path(`out-${format}`);
  let allocated = 0;
  const look = () => void (allocated = Math.max(allocated, backend.allocatedBytes()));
  const before = backend.allocatedBytes();
  await convertModel({ model: path(from), backend: watched(backend, look), format, out });
  console.log(
    JSON.stringify({ pair, allocated: allocated - before, peak: backend.peakRssBytes() }),
  );
  await Deno.remove(out, { recursive: true });
}

/** BF16 numbers, the same 65,537 again and again. */
async function writePlain(directory: string): Promise<void> {
  const noise = normalNumbers("noise", 65537).map((value) => value / 32);
  const bits = Uint16Array.from(new Uint32Array(noise.buffer), (word) => word >>> 16);
  const ones = new Uint16Array(1024).fill(0x3f80);
  await using writer = await createCheckpointWriter(directory);
  for (const [name, shape] of tinyShapes(CONFIG)) {
    const source = name.endsWith("norm.weight") ? ones : bits;
    await writer.add(name, "BF16", shape, repeated(source, shape.reduce((a, b) => a * b, 1)));
  }
  await writer.json("config.json", CONFIG);
  await writer.commit();
}

function* repeated(source: Uint16Array, size: number): Generator<Uint8Array> {
  for (let left = size; left > 0; left -= source.length) {
    yield new Uint8Array(source.buffer, 0, 2 * Math.min(left, source.length));
  }
}

async function writeQuantized(format: string): Promise<void> {
  const bits = format === "int-quantized" ? 8 : 4;
  const symmetric = format === "int-quantized" || format === "gptq" || format === "gguf";
  const plugins = [rtn({ bits, groupSize: 128, symmetric })];
  const out = path(format);
  await quantize({ model: path("plain"), backend, plugins, format, out });
}

/** The same backend, which looks at its memory after every operation. */
function watched(backend: Backend, look: () => void): Backend {
  return new Proxy(backend, {
    get(target, key): unknown {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function" || key === "allocatedBytes") return value;
      return (...args: unknown[]): unknown => {
        const result: unknown = value.apply(target, args);
        look();
        return result instanceof Promise ? result.finally(look) : result;
      };
    },
  });
}
