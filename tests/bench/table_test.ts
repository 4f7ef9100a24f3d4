import assert from "node:assert/strict";
import { type Measure, median, showValue } from "../../bench/measure.ts";
import { readItems, toMarkdown } from "../../bench/results.ts";
import { plainTable, timesAsGood, workTable } from "../../bench/table.ts";
import { withTables } from "../../bench/write_tables.ts";

const WORK = "fp32 100 x 1000 x 1000";
const TIMES: Measure[] = [
  { group: WORK, who: "salient", unit: "ns", value: 1e6, best: 9e5, error: 1e-7 },
  { group: WORK, who: "torch", unit: "ns", value: 2.5e6 },
];

Deno.test("less time and more tokens a second are better", () => {
  assert.equal(timesAsGood(TIMES[0]!, TIMES[1]!), 2.5);
  const rate = (value: number): Measure => ({ group: "g", who: "w", unit: "tokens/s", value });
  assert.equal(timesAsGood(rate(30), rate(10)), 3);
});

Deno.test("a table of works has rates, the part of the ceiling and the ratio", () => {
  const table = workTable(TIMES, new Map([["fp32", 400]]));
  const cells = table.trim().split("\n").slice(2).map((row) => row.split("|").map((c) => c.trim()));
  assert.deepEqual(
    cells[0]!.slice(1, -1),
    [WORK, "salient", "1.00 ms", "900.0 us", "4.8", "200.0", "50 %", "1e-7", ""],
  );
  assert.deepEqual(
    cells[1]!.slice(1, -1),
    [WORK, "torch", "2.50 ms", "", "1.9", "80.0", "20 %", "", "2.50x"],
  );
});

Deno.test("measures are compared with ours of as many threads, and with that many threads' ceiling", () => {
  const time = (who: string, threads: number, value: number): Measure => {
    return { group: WORK, who, threads, unit: "ns", value };
  };
  const measures = [
    time("salient", 1, 2e6),
    time("salient", 2, 1e6),
    time("other", 1, 3e6),
    time("other", 2, 2e6),
  ];
  const table = workTable(measures, new Map([["fp32", 400]]), new Map([["fp32", 200]]));
  const rows = table.trim().split("\n").slice(2).map((row) => row.split("|").map((c) => c.trim()));
  assert.deepEqual(
    rows.map((cells) => [cells[1], cells[2], cells[7], cells[9]]),
    [
      [`${WORK}, 1 thread`, "salient", "50 %", ""],
      [`${WORK}, 1 thread`, "other", "33 %", "1.50x"],
      [`${WORK}, 2 threads`, "salient", "50 %", ""],
      [`${WORK}, 2 threads`, "other", "25 %", "2.00x"],
    ],
  );
});

Deno.test("our bf16 in a work of 4-bit weights is counted with its own bytes", () => {
  const group = "int4 1 x 1024 x 1024";
  const measures: Measure[] = [{ group, who: "salient bf16", unit: "ns", value: 1e5 }];
  // 2 MiB of weights and 8 KiB of vectors in 0.1 ms.
  assert.match(workTable(measures, new Map()), /\| 21\.1 \| 21\.0 \|/);
});

Deno.test("works and other measures go to different tables", () => {
  const other: Measure = { group: "1 GB", who: "cp", unit: "s", value: 2 };
  assert.equal(plainTable(TIMES), "");
  assert.equal(workTable([other], new Map()), "");
  assert.match(plainTable([other]), /1 GB \| cp \| 2\.00 s/);
});

Deno.test("values are shown in units that people read", () => {
  assert.equal(showValue(1500, "ns"), "1.5 us");
  assert.equal(showValue(3e9, "ns"), "3.00 s");
  assert.equal(showValue(51200, "bytes"), "50 KiB");
  assert.equal(showValue(2 ** 31, "bytes"), "2.00 GiB");
});

Deno.test("the median of an even number is between the two in the middle", () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([9, 1, 2]), 2);
  assert.ok(Number.isNaN(median([])));
});

Deno.test("a piece's output is cut into measures and remarks; half a line is passed over", () => {
  const lines = [
    "noise",
    `@${JSON.stringify(TIMES[0])}`,
    '@{"who":"torch","failed":"absent"}',
    "@{",
  ];
  const { measures, remarks } = readItems(lines);
  assert.deepEqual(measures, [TIMES[0]]);
  assert.deepEqual(remarks, [{ who: "torch", failed: "absent" }]);
});

Deno.test("the Markdown names the machine, the command, versions and failures", () => {
  const text = toMarkdown({
    machine: {
      processor: "A Processor",
      instructions: "avx2",
      cores: 2,
      memoryGiB: 8,
      system: "linux",
      deno: "2.9.6",
      commit: "abc",
    },
    pieces: {
      products: {
        status: "ended after 9 s",
        commit: "abc",
        finished: "2026-01-02T03:04:05.678Z",
        seconds: 9,
        command: "deno task x",
        measures: TIMES,
        remarks: [{ who: "torch", about: "torch 2" }, { who: "ggml", failed: "absent" }],
      },
    },
  });
  for (
    const part of [
      "A Processor, 2 cores",
      "ended after 9 s",
      "`deno task x`",
      "- torch 2",
      "absent",
    ]
  ) {
    assert.ok(text.includes(part), part);
  }
});

Deno.test("tables are put between the README's marks, whatever was there", () => {
  const begin = "<!-- tables begin: written by `deno task bench:tables` -->";
  const end = "<!-- tables end -->";
  const once = withTables(`# A\n\n${begin}\nold\n${end}\nrest\n`, "| new |\n");
  assert.equal(once, `# A\n\n${begin}\n\n| new |\n\n${end}\nrest\n`);
  assert.equal(withTables(once, "| new |"), once);
  assert.throws(() => withTables("# A", "| new |"), /no place/);
});
