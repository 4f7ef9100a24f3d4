import assert from "node:assert/strict";
import { type Backend, SalientError } from "../../../core/backend.ts";
import type { PipelineEvent } from "../../../core/pipeline/events.ts";
import { quantize, type QuantizeOptions } from "../../../core/pipeline/quantize.ts";
import { testBackends } from "../../test_backends.ts";
import type { TinyModelOptions } from "../../tiny_model.ts";
import { BIASED, folding, tinyCalibration, Workshop } from "./pipeline_fixtures.ts";

const CALIBRATION = tinyCalibration();
const LAST = "model.layers.1.mlp.down_proj";

interface Outcome {
  /** SHA-256 of each file. */
  readonly files: Record<string, string>;
  /** Tensors that were looked at, and blocks that were done, in order. */
  readonly log: readonly string[];
  readonly error: SalientError | undefined;
}

/** Runs on a backend that has memory of its own, or says so. */
async function run(
  options: Partial<QuantizeOptions> & { readonly device: boolean },
  tiny: TinyModelOptions = {},
): Promise<Outcome> {
  const { device, ...others } = options;
  using plain = await testBackends().at(-1)!.create();
  const log: string[] = [];
  const backend: Backend = {
    ...plain,
    summarize(tensor) {
      log.push("looked");
      return plain.summarize(tensor);
    },
    peakDeviceBytes: () => device ? 0 : undefined,
  };
  await using workshop = await Workshop.create(BIASED, tiny);
  const before = plain.allocatedBytes();
  function onEvent(event: PipelineEvent): void {
    if (event.type === "block" && event.state === "finish") log.push(`done ${event.index}`);
  }
  let error: SalientError | undefined;
  try {
    await quantize({
      model: workshop.model,
      backend,
      plugins: [folding({ absMean: true, gram: true })],
      calibration: CALIBRATION,
      format: "awq-gemm",
      out: workshop.out,
      onEvent,
      ...others,
    });
  } catch (thrown) {
    assert.ok(thrown instanceof SalientError, `not one of ours: ${thrown}`);
    error = thrown;
    assert.deepEqual(workshop.names(), ["model"]);
  }
  assert.equal(plain.allocatedBytes(), before, "tensors were left behind");
  const files: Record<string, string> = {};
  for (const { name } of error === undefined ? Deno.readDirSync(workshop.out) : []) {
    const bytes = await Deno.readFile(`${workshop.out}/${name}`);
    files[name] = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  }
  return { files, log, error };
}

function lookedBefore(log: readonly string[]): number {
  return log.slice(0, log.indexOf("done 0")).filter((entry) => entry === "looked").length;
}

Deno.test("a backend with memory of its own gets the next block while one is at work", async () => {
  const one = await run({ device: false });
  const ahead = await run({ device: true });
  assert.ok(Object.keys(ahead.files).length > 1);
  assert.deepEqual(ahead.files, one.files);
  // The weights and biases of seven linears, and two norms.
  assert.equal(lookedBefore(ahead.log) - lookedBefore(one.log), 16);
  assert.equal(ahead.log.length, one.log.length);
});

Deno.test("with a limit of memory one block is there at a time", async () => {
  const limited = await run({ device: true, memory: 1 << 30 });
  const one = await run({ device: false });
  assert.deepEqual(limited.log, one.log);
});

Deno.test("what is wrong with a block that was loaded ahead is said when it is its turn", async () => {
  const { error, log } = await run({ device: true }, {
    edit: (name, values) => {
      if (name === `${LAST}.weight`) values[0] = NaN;
    },
  });
  assert.equal(error?.tensor, `${LAST}.weight`);
  assert.equal(log.at(-1), "done 0");
});

Deno.test("a run that ends early waits for what it was loading", async () => {
  const controller = new AbortController();
  const { error } = await run({
    device: true,
    signal: controller.signal,
    plugins: [{
      ...folding({ absMean: true, gram: true }),
      transformBlock: () => controller.abort(),
    }],
  });
  assert.equal(error?.code, "interrupted");
});
