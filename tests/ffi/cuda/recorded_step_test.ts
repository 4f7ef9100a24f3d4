import assert from "node:assert/strict";
import type { Backend, RecordedStep } from "../../../core/backend.ts";
import type { Tensor } from "../../../core/tensor.ts";
import { createCudaBackend } from "../../../ffi/cuda/cuda_backend.ts";
import { assertClose } from "../suite/compare.ts";
import { usableLibraries } from "./usable_libraries.ts";
import { TinyStep, type TinyStepOptions } from "./tiny_step.ts";

const CAPACITY = 40;

/** The token of a position. */
function tokenAt(position: number): number {
  return position * 7 % 50;
}

/** Steps [0, count) run one by one. */
async function runSteps(step: TinyStep, count: number): Promise<void> {
  for (let t = 0; t < count; t++) (await step.run(tokenAt(t), t))[Symbol.dispose]();
}

/** Records the step of a position; fails where it cannot be recorded. */
async function record(
  backend: Backend,
  position: number,
  run: () => Promise<Tensor>,
): Promise<{ step: RecordedStep; result: Tensor }> {
  const place = { id: tokenAt(position), position };
  const { step, result, refusal } = await backend.recordStep!(place, run);
  assert.equal(refusal, undefined);
  return { step: step!, result };
}

/** What a recorded step gives at some positions after the first, `between` being done before each. */
async function replayed(
  backend: Backend,
  between: (step: TinyStep, position: number) => Promise<void> | void,
): Promise<void> {
  using ordinary = new TinyStep(backend, { capacity: CAPACITY });
  using recorded = new TinyStep(backend, { capacity: CAPACITY });
  await runSteps(ordinary, 2);
  await runSteps(recorded, 1);
  const { step, result } = await record(backend, 1, () => recorded.run(tokenAt(1), 1));
  using _step = step;
  using _result = result;
  for (let t = 2; t < 12; t++) {
    await between(recorded, t);
    await step.replay({ id: tokenAt(t), position: t });
    using expected = await ordinary.run(tokenAt(t), t);
    const pair = { tested: backend.download(result), oracle: backend.download(expected) };
    assertClose(pair, 1e-5, `position ${t}`);
  }
}

const SHAPES: Record<string, Omit<TinyStepOptions, "capacity">> = {
  "all before": {},
  "grouped heads": { kvHeads: 2 },
  "a window": { kvHeads: 1, window: 5 },
  "a softcap and learned positions": { softcap: 2, positions: true },
  "slopes": { slopes: true },
};

for (const { name, library, reason } of usableLibraries()) {
  if (reason !== undefined) {
    Deno.test({ name: `${name}: steps skipped, ${reason}`, ignore: true, fn() {} });
    continue;
  }
  const open = () => createCudaBackend({ library });

  for (const [label, shape] of Object.entries(SHAPES)) {
    Deno.test(`${name}: a recorded step gives what ordinary steps give, ${label}`, async () => {
      using backend = open();
      {
        using ordinary = new TinyStep(backend, { capacity: CAPACITY, ...shape });
        using recorded = new TinyStep(backend, { capacity: CAPACITY, ...shape });
        await runSteps(ordinary, 3);
        await runSteps(recorded, 3);
        const { step, result } = await record(backend, 3, () => recorded.run(tokenAt(3), 3));
        using _step = step;
        using _result = result;
        for (let t = 3; t < CAPACITY; t++) {
          if (t > 3) await step.replay({ id: tokenAt(t), position: t });
          using expected = await ordinary.run(tokenAt(t), t);
          const pair = { tested: backend.download(result), oracle: backend.download(expected) };
          assertClose(pair, 1e-5, `position ${t}`);
        }
        assert.equal(step.endPosition, CAPACITY);
        await assert.rejects(
          step.replay({ id: 0, position: CAPACITY }),
          /Cannot run replay: position must be a whole number from 0 to 39 but is 40/,
        );
        await assert.rejects(
          step.replay({ id: 50, position: 3 }),
          /Id 50 is outside the table's 50 rows/,
        );
      }
      assert.equal(backend.allocatedBytes(), 0);
    });
  }

  Deno.test(`${name}: what others allocate and write between replays leaves a step alone`, async () => {
    using backend = open();
    using kept = new DisposableStack();
    await replayed(backend, () => {
      for (let rows = 1; rows < 40; rows++) {
        const junk = new Float32Array(rows * 64).fill(NaN);
        const tensor = backend.upload(junk, "F32", [rows, 64]);
        if (rows % 2 === 0) kept.use(tensor);
        else tensor[Symbol.dispose]();
      }
      backend.trim();
    });
  });

  Deno.test(`${name}: ordinary steps and other recordings between replays`, async () => {
    using backend = open();
    using other = new TinyStep(backend, { capacity: CAPACITY, kvHeads: 1 });
    await replayed(backend, async (step, t) => {
      // The same step again, and its recording: both write what the replay then writes once more.
      (await step.run(9, t))[Symbol.dispose]();
      const again = await record(backend, t, () => step.run(tokenAt(t), t));
      again.result[Symbol.dispose]();
      again.step[Symbol.dispose]();
      const place = { id: 3, position: t };
      const { result, step: ended } = await backend.recordStep!(place, () => other.run(3, t));
      result[Symbol.dispose]();
      ended![Symbol.dispose]();
    });
  });

  Deno.test(`${name}: operations beside a recording are done, and are no part of it`, async () => {
    using backend = open();
    using step = new TinyStep(backend, { capacity: CAPACITY });
    using sum = backend.zeros("F32", [4]);
    using ones = backend.upload(Float32Array.of(1, 1, 1, 1), "F32", [4]);
    const seen: number[] = [];
    let done = false;
    async function beside(): Promise<void> {
      while (!done) {
        await backend.addInPlace(sum, ones);
        using copy = backend.upload(Float32Array.of(seen.length), "F32", [1]);
        assert.equal(backend.download(copy)[0], seen.length);
        seen.push(seen.length);
      }
    }
    const others = beside();
    const { step: recorded, result } = await record(backend, 0, () => step.run(tokenAt(0), 0));
    done = true;
    await others;
    assert.ok(seen.length > 5, "they took turns");
    using _result = result;
    using _recorded = recorded;
    await recorded.replay({ id: 1, position: 1 });
    assert.deepEqual([...backend.download(sum)], Array(4).fill(seen.length));
  });

  Deno.test(`${name}: a step lives without the handles that it was recorded with`, async () => {
    using backend = open();
    using ordinary = new TinyStep(backend, { capacity: CAPACITY });
    await runSteps(ordinary, 3);
    const recorded = new TinyStep(backend, { capacity: CAPACITY });
    await runSteps(recorded, 2);
    const { step, result } = await record(backend, 2, () => recorded.run(tokenAt(2), 2));
    recorded[Symbol.dispose]();
    backend.trim();
    using _junk = backend.upload(new Float32Array(1 << 16).fill(NaN), "F32", [1 << 16]);
    await step.replay({ id: tokenAt(3), position: 3 });
    using expected = await ordinary.run(tokenAt(3), 3);
    const pair = { tested: backend.download(result), oracle: backend.download(expected) };
    assertClose(pair, 1e-5);
    step[Symbol.dispose](); // what it made stays
    assertClose({ ...pair, tested: backend.download(result) }, 1e-5);
    await assert.rejects(step.replay({ id: 1, position: 4 }), /used after it was disposed/);
    result[Symbol.dispose]();
  });

  Deno.test(`${name}: a step that cannot be recorded has been run`, async () => {
    using backend = open();
    using step = new TinyStep(backend, { capacity: CAPACITY });
    using first = await step.run(1, 0);
    const expected = [...backend.download(first)];
    const cases: [string, number, () => Promise<void> | void][] = [
      ["it reads values back to the host", 1, () => void backend.download(first)],
      ["it uploads values", 1, () => {
        backend.upload(Float32Array.of(1), "F32", [1])[Symbol.dispose]();
      }],
      ["its first embed is not that of the token", 2, () => {}],
    ];
    for (const [reason, id, also] of cases) {
      const found = await backend.recordStep!({ id, position: 0 }, async () => {
        const logits = await step.run(1, 0);
        await also();
        return logits;
      });
      using result = found.result;
      assert.equal(found.step, undefined);
      assert.equal(
        found.refusal,
        `Cannot run recordStep: The step cannot be recorded: ${reason}`,
      );
      assertClose({
        tested: backend.download(result),
        oracle: Float32Array.from(expected),
      }, 1e-5);
    }
  });

  Deno.test(`${name}: an error in a step ends its recording, and nothing else`, async () => {
    using backend = open();
    await assert.rejects(
      backend.recordStep!({ id: 1, position: 0 }, async () => {
        using step = new TinyStep(backend, { capacity: CAPACITY });
        (await step.run(1, 0))[Symbol.dispose]();
        throw new Error("midway");
      }),
      /^Error: midway$/,
    );
    assert.equal(backend.allocatedBytes(), 0);
    await replayed(backend, () => {});
    assert.equal(backend.allocatedBytes(), 0);
    await assert.rejects(
      backend.recordStep!({ id: 1, position: 0 }, async () => {
        return await backend.recordStep!({ id: 1, position: 0 }, () => Promise.resolve(1));
      }),
      /a step is being recorded here already/,
    );
    await assert.rejects(
      backend.recordStep!({ id: -1, position: 0 }, () => Promise.resolve(1)),
      /id must be a whole number/,
    );
  });
}
