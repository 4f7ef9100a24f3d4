import assert from "node:assert/strict";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { findFormat, recogniseFormat } from "../../../core/export/formats.ts";
import type { ExportedLinear } from "../../../core/export/types.ts";
import { refused } from "../checkpoint/checkpoint_files.ts";
import { grid, linear } from "./exported_linear.ts";

const SKIPPED = "model.layers.1.mlp.up_proj";

/** Five linears on three grids, named as in a model. */
function linears(): Map<string, ExportedLinear> {
  const four = grid({ groupSize: 32 });
  const grids = { q_proj: four, k_proj: four, v_proj: grid({ bits: 8, groupSize: 64 }) };
  const others = { o_proj: four, gate_proj: grid({ bits: 4, groupSize: 32, symmetric: true }) };
  const all = Object.entries({ ...grids, ...others });
  return new Map(all.map(([role, grid]) => {
    const name = `model.layers.1.${role}`;
    return [name, { info: { ...linear(64, 64), name }, grid }];
  }));
}

for (const name of ["gptq", "gptq-v2", "pack-quantized"]) {
  Deno.test(`${name} says several grids, and reads them back linear by linear`, () => {
    const format = findFormat(name);
    const config = format.config(linears(), [SKIPPED]);
    const found = recogniseFormat({ quantization_config: config });
    assert.equal(found?.format, format);
    assert.deepEqual([found.stored.bits, found.stored.groupSize], [null, null]);
    for (const { info, grid } of linears().values()) {
      const stored = found.stored.of(info);
      assert.deepEqual(
        [stored?.bits, stored?.groupSize, stored?.symmetric],
        [grid.bits, grid.groupSize, grid.symmetric],
      );
    }
    assert.equal(found.stored.of({ ...linear(64, 64), name: SKIPPED }), undefined);
  });

  Deno.test(`${name} says -1 where every linear takes its whole row`, () => {
    const rows = new Map([32, 64].map((inputs): [string, ExportedLinear] => {
      const info = { ...linear(32, inputs), name: `l${inputs}` };
      return [info.name, { info, grid: grid({ groupSize: inputs }) }];
    }));
    const config = findFormat(name).config(rows, []);
    const stored = recogniseFormat({ quantization_config: config })?.stored;
    assert.equal(stored?.groupSize, -1);
    assert.equal(stored?.of(rows.get("l64")!.info)?.groupSize, 64);
  });
}

Deno.test("gptq.config() is what GPTQModel writes", () => {
  const info = { ...linear(32, 32), name: "l" };
  const one = new Map([["l", { info, grid: grid({ groupSize: 16, symmetric: true }) }]]);
  assert.deepEqual(findFormat("gptq").config(one, []), {
    quant_method: "gptq",
    bits: 4,
    group_size: 16,
    desc_act: false,
    sym: true,
    lm_head: false,
    checkpoint_format: "gptq",
    pack_dtype: "int32",
    dynamic: {},
    meta: { quantizer: ["salient"] },
  });
  const { dynamic } = findFormat("gptq-v2").config(linears(), [SKIPPED]) as { dynamic: JsonObject };
  assert.deepEqual(Object.keys(dynamic), [
    "+:^model\\.layers\\.1\\.v_proj$",
    "+:^model\\.layers\\.1\\.gate_proj$",
    "-:^model\\.layers\\.1\\.mlp\\.up_proj$",
  ]);
});

Deno.test("packQuantized.config() is what compressed-tensors writes", () => {
  const info = { ...linear(32, 32), name: "l" };
  const one = new Map([["l", { info, grid: grid({ groupSize: 16 }) }]]);
  const config = findFormat("pack-quantized").config(one, ["x"]);
  assert.equal(config["quant_method"], "compressed-tensors");
  assert.deepEqual(config["ignore"], ["lm_head", "x"]);
  const { group_0: group } = config["config_groups"] as Record<string, JsonObject>;
  assert.deepEqual(group?.["targets"], ["Linear"]);
  const { num_bits, type, symmetric, strategy, group_size } = group?.["weights"] as JsonObject;
  assert.deepEqual([num_bits, type, symmetric, strategy, group_size], [
    4,
    "int",
    false,
    "group",
    16,
  ]);
});

const GPTQ = { quant_method: "gptq", bits: 4, group_size: 32, sym: true, desc_act: false };

Deno.test("recogniseFormat() reads GPTQ's older and newer configurations", () => {
  for (
    const [change, name] of [
      [{}, "gptq"],
      [{ checkpoint_format: "gptq_v2" }, "gptq-v2"],
      [{ format: "gptq" }, "gptq"],
      [{ desc_act: true, static_groups: true }, "gptq"], // g_idx tells
      [{ dynamic: null, lm_head: false, true_sequential: true }, "gptq"],
    ] as const
  ) {
    const found = recogniseFormat({ quantization_config: { ...GPTQ, ...change } });
    assert.equal(found?.format.name, name);
    assert.equal(found.stored.bits, 4);
  }
  const dynamic = {
    "-:.*down": {},
    ".*\\.(1|2)\\..*q_proj": { bits: 8 },
    "+:.*up": { sym: false },
  };
  const { stored } = recogniseFormat({ quantization_config: { ...GPTQ, dynamic } })!;
  const of = (name: string) => stored.of({ ...linear(64, 64), name });
  assert.equal(of("model.layers.1.mlp.down_proj"), undefined);
  assert.equal(of("model.layers.2.self_attn.q_proj")?.bits, 8);
  assert.equal(of("model.layers.3.self_attn.q_proj")?.bits, 4);
  assert.equal(of("model.layers.3.mlp.up_proj")?.symmetric, false);
});

Deno.test("recogniseFormat() refuses a GPTQ configuration that is broken", async () => {
  const cases: [JsonObject, RegExp][] = [
    [{ bits: 5 }, /bits is 5: it must be 2, 3, 4, 8/],
    [{ bits: "4" }, /bits is "4"/],
    [{ group_size: 0 }, /group_size is 0/],
    [{ group_size: undefined }, /group_size is missing/],
    [{ sym: "yes" }, /sym is "yes"/],
    [{ checkpoint_format: "marlin" }, /checkpoint_format is "marlin"/],
    [{ pack_dtype: "int16" }, /pack_dtype is "int16"/],
    [{ dynamic: [] }, /dynamic is not an object/],
    [{ dynamic: { "+:q": 4 } }, /rule "\+:q" of dynamic is not an object/],
    [{ dynamic: { "+:(": {} } }, /is not a pattern that can be read/],
    [{ dynamic: { "+:(?=q)": {} } }, /is not a pattern that can be read/],
    [{ dynamic: { "+:q": { bits: 7 } } }, /bits is 7/],
    [{ dynamic: { ["+:" + "q".repeat(5000)]: {} } }, /a pattern has 5000 characters/],
  ];
  for (const [change, text] of cases) {
    await refused(() => recogniseFormat({ quantization_config: { ...GPTQ, ...change } }), text);
  }
});

Deno.test("a pattern that would take ages elsewhere takes no time", () => {
  const dynamic = { "-:(a+)+$": {} };
  const { stored } = recogniseFormat({ quantization_config: { ...GPTQ, dynamic } })!;
  assert.equal(stored.of({ ...linear(64, 64), name: `${"a".repeat(50)}!` })?.bits, 4);
});

function compressed(group: JsonObject, change: JsonObject = {}): JsonObject {
  const weights = { num_bits: 4, type: "int", symmetric: true, strategy: "group", group_size: 32 };
  return {
    quant_method: "compressed-tensors",
    format: "pack-quantized",
    ignore: ["lm_head"],
    config_groups: {
      group_0: {
        targets: ["Linear"],
        ...group,
        weights: { ...weights, ...group["weights"] as JsonObject },
      },
    },
    ...change,
  };
}

Deno.test("recogniseFormat() reads targets by name, by pattern and by class, in that order", () => {
  const group = (bits: number, targets: readonly string[]): JsonObject => ({
    targets,
    weights: { num_bits: bits, strategy: "channel" },
  });
  const config = compressed({}, {
    ignore: ["re:.*gate", "model.head"],
    config_groups: {
      a: group(2, ["Linear"]),
      b: group(3, ["re:.*q_proj"]),
      c: group(8, ["l.q_proj"]),
    },
  });
  const { stored } = recogniseFormat({ quantization_config: config })!;
  const bits = (name: string) => stored.of({ ...linear(64, 64), name })?.bits;
  assert.deepEqual(["l.q_proj", "m.q_proj", "l.up", "l.gate", "model.head"].map(bits), [
    8,
    3,
    2,
    undefined,
    undefined,
  ]);
});

Deno.test("recogniseFormat() refuses a compressed-tensors configuration that it does not read", async () => {
  const cases: [JsonObject, RegExp][] = [
    [compressed({ weights: { num_bits: 9 } }), /num_bits is 9/],
    [
      compressed({ weights: { type: "float" } }),
      /4-bit floating point numbers stored as "pack-quantized"/,
    ],
    [compressed({ weights: { dynamic: true } }), /weights\.dynamic is true/],
    [compressed({ weights: { strategy: "block" } }), /strategy is "block"/],
    [compressed({ weights: { group_size: null } }), /group_size is null/],
    [compressed({ weights: { actorder: "odd" } }), /actorder is "odd"/],
    [compressed({ output_activations: {} }), /output_activations are quantized/],
    [compressed({ targets: "Linear" }), /targets is not a list/],
    [compressed({ targets: ["re:("] }), /is not a pattern/],
    [compressed({}, { config_groups: {} }), /config_groups is missing or empty/],
    [compressed({}, { config_groups: { a: 1 } }), /config group "a" is not an object/],
    [
      compressed({}, { format: "nvfp4-pack-quantized" }),
      /has format "nvfp4-pack-quantized", and/,
    ],
  ];
  for (const [config, text] of cases) {
    await refused(() => recogniseFormat({ quantization_config: config }), text);
  }
});
