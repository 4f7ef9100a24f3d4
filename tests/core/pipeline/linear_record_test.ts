import assert from "node:assert/strict";
import { LinearRecord } from "../../../core/pipeline/linear_record.ts";
import { refused } from "../checkpoint/checkpoint_files.ts";
import { grid, linear } from "../export/exported_linear.ts";

/** A linear of a name. */
function named(name: string, inputs = 32) {
  return { ...linear(8, inputs), name };
}

Deno.test("a record knows what its linears have in common", () => {
  const record = new LinearRecord(undefined);
  assert.deepEqual(record.shared, { bits: null, groupSize: null });
  record.add(named("a"), grid({ bits: 3, groupSize: 32 }));
  assert.deepEqual(record.shared, { bits: 3, groupSize: 32 });
  record.add(named("b", 64), grid({ bits: 3, groupSize: 64 }));
  assert.deepEqual(record.shared, { bits: 3, groupSize: -1 });
  record.add(named("c", 64), grid({ bits: 8, groupSize: 32, symmetric: true }));
  assert.deepEqual(record.shared, { bits: null, groupSize: null });

  const stored = record.stored("memory");
  assert.deepEqual([stored.format, stored.bits, stored.groupSize], ["memory", null, null]);
  assert.deepEqual(stored.of(named("c", 64)), { bits: 8, groupSize: 32, symmetric: true });
  assert.equal(stored.of(named("d")), undefined);
});

Deno.test("a format for one grid takes no second one, a mixed format does", async () => {
  const one = new LinearRecord({ name: "one", mixed: false });
  const many = new LinearRecord({ name: "many", mixed: true });
  for (const record of [one, many]) {
    record.add(named("a"), grid({ bits: 4, groupSize: 32 }));
    record.add(named("b", 64), grid({ bits: 4, groupSize: 64 })); // whole rows as well
  }
  for (const change of [{ bits: 8, groupSize: 32 }, { bits: 4, groupSize: 8 }]) {
    const error = await refused(
      () => one.add(named("c"), grid(change)),
      /^Format one stores all linears on one grid, but c has [48] bits in groups of .* and a has 4 bits/,
    );
    assert.equal(error.tensor, "c");
    many.add(named("c"), grid(change));
  }
  assert.equal(many.linears.get("c")?.grid.groupSize, 8);
});
