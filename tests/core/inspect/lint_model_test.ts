import assert from "node:assert/strict";
import { inspectModel } from "../../../core/inspect/inspect_model.ts";
import { lintModel, type LintReport } from "../../../core/inspect/lint_model.ts";
import type { LintTarget } from "../../../core/inspect/lint_target.ts";
import { llama } from "../../../core/model/families/llama.ts";
import type { Model, StoredLinear } from "../../../core/model/model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import type { LinearInfo } from "../../../core/plugin.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

/** The shape of Llama-2-7B's first block, or of what `change` makes of it, stored as `of` says. */
function model(
  format: string,
  of: (linear: LinearInfo) => StoredLinear | undefined,
  change: { mlp?: number; heads?: number; kvHeads?: number } = {},
  owners?: Int32Array,
): Model {
  const { mlp = 11008, heads = 32, kvHeads = 32 } = change;
  const shapes: Record<string, readonly [number, number]> = {
    q: [heads * 128, 4096],
    k: [kvHeads * 128, 4096],
    v: [kvHeads * 128, 4096],
    o: [4096, heads * 128],
    gate: [mlp, 4096],
    up: [mlp, 4096],
    down: [4096, mlp],
  };
  const linears = Object.entries(shapes).map(([role, shape]): LinearInfo => ({
    name: `l.${role}`,
    block: 0,
    role,
    shape,
    dtype: "I32",
    site: "",
  }));
  const quantization = { format, bits: null, groupSize: null, of };
  const config = { blocks: 1, heads, kvHeads };
  const entry = { dtype: "I32", shape: [owners?.length] };
  const entries = new Map(owners === undefined ? [] : [["l.q.g_idx", entry]]);
  const checkpoint = {
    directory: "m",
    entries,
    tensor: () => ({ dtype: "I32", [Symbol.dispose]: () => {} }),
  };
  const backend = { downloadBytes: () => new Uint8Array(owners?.slice().buffer ?? []) };
  const parts = {
    directory: "m",
    family: llama,
    quantization,
    config,
    linears,
    checkpoint,
    backend,
  };
  return parts as unknown as Model;
}

const GOOD: StoredLinear = { bits: 4, groupSize: 128, symmetric: true };

function messages({ findings }: LintReport): string[] {
  return findings.map(({ severity, message }) => `${severity}: ${message}`);
}

Deno.test("lintModel() has nothing to say of what every engine reads", () => {
  for (const target of ["vllm", "sglang"] as const) {
    for (const format of ["awq-gemm", "gptq", "pack-quantized"]) {
      const report = lintModel(model(format, () => GOOD), target);
      assert.deepEqual([report.loads, report.findings], [true, []]);
      // 11008 inputs make 43 groups of 256: two devices get 43 groups of 128 each.
      assert.deepEqual(report.tensorParallel.map(({ fits }) => fits), [true, false, false]);
      assert.match(
        report.tensorParallel[1]?.reason ?? "",
        /l\.down has 11008 inputs, and 2752 on each device are no whole groups of 128/,
      );
    }
  }
});

Deno.test("lintModel() names formats that an engine does not read", () => {
  const cases: [string, LintTarget][] = [
    ["awq-gemm", "llama.cpp"],
    ["awq-gemv", "vllm"],
    ["awq-gemv", "transformers"],
    ["gptq-v2", "sglang"],
  ];
  for (const [format, target] of cases) {
    const report = lintModel(model(format, () => GOOD), target);
    assert.equal(report.loads, false);
    assert.match(
      messages(report)[0] ?? "",
      new RegExp(`^error: ${target} does not read ${format}`),
    );
  }
});

Deno.test("lintModel() sees asymmetric grids, bits, groups and shapes that do not fit", () => {
  const asymmetric = lintModel(model("gptq", () => ({ ...GOOD, symmetric: false })), "vllm");
  assert.equal(asymmetric.loads, false);
  assert.match(messages(asymmetric)[0] ?? "", /error: vllm reads only symmetric grids/);
  assert.equal(asymmetric.findings[0]?.linears.length, 7);
  const three = lintModel(model("gptq", () => ({ ...GOOD, bits: 3 })), "vllm");
  assert.match(messages(three)[0] ?? "", /warning: only newer versions of vllm read 3 bits/);
  const five = lintModel(model("gptq", () => ({ ...GOOD, bits: 5 })), "transformers");
  assert.equal(five.loads, false);
  const sixteen = lintModel(model("awq-gemm", () => ({ ...GOOD, groupSize: 16 })), "vllm");
  assert.match(
    messages(sixteen)[0] ?? "",
    /warning: the fast kernels of vllm have groups of -1, 32/,
  );
  const whole = ({ shape }: LinearInfo): StoredLinear => ({ ...GOOD, groupSize: shape[1] });
  assert.deepEqual(lintModel(model("gptq", whole), "vllm").findings, []);
  const odd = lintModel(model("awq-gemm", () => GOOD, { mlp: 11040 }), "vllm");
  assert.match(messages(odd)[0] ?? "", /outputs that divide by 64 and inputs that divide by 128/);
  assert.deepEqual(odd.findings[0]?.linears, ["l.gate", "l.up", "l.down"]);
});

Deno.test("lintModel() sees zero points of other than 4 bits, which kernels do not have", () => {
  const asymmetric = { ...GOOD, symmetric: false };
  for (const target of ["vllm", "sglang"] as const) {
    const eight = lintModel(model("pack-quantized", () => ({ ...asymmetric, bits: 8 })), target);
    assert.equal(eight.loads, false);
    assert.match(
      messages(eight)[0] ?? "",
      /error: the kernels .* asymmetric grids have 4 bits, not 8/,
    );
    assert.equal(lintModel(model("pack-quantized", () => asymmetric), target).loads, true);
    const plain = lintModel(model("pack-quantized", () => ({ ...GOOD, bits: 8 })), target);
    assert.equal(plain.loads, true);
  }
  const unpacked = lintModel(
    model("pack-quantized", () => ({ ...asymmetric, bits: 8 })),
    "transformers",
  );
  assert.equal(unpacked.loads, true);
});

Deno.test("lintModel() warns of groups out of order where linears are spread over devices", () => {
  const owners = Int32Array.from({ length: 4096 }, (_, k) => k % 32);
  const report = lintModel(model("gptq", () => GOOD, {}, owners), "vllm");
  assert.equal(report.loads, true);
  assert.match(messages(report)[0] ?? "", /warning: vllm has the inputs .* \(desc_act\)/);
  assert.deepEqual(report.findings[0]?.linears, ["l.q"]);
  const natural = owners.map((_, k) => Math.floor(k / 128));
  assert.deepEqual(lintModel(model("gptq", () => GOOD, {}, natural), "vllm").findings, []);
  const transformers = lintModel(model("gptq", () => GOOD, {}, owners), "transformers");
  assert.ok(messages(transformers).every((message) => !message.includes("desc_act")));
});

Deno.test("lintModel() sees asymmetric experts where an engine has no zero points for them", () => {
  const asymmetric = { ...GOOD, symmetric: false };
  function experts(format: string, of: () => StoredLinear): Model {
    const dense = model(format, of);
    const linears = dense.linears.map((info) =>
      ["gate", "up", "down"].includes(info.role) ? { ...info, expert: 3 } : info
    );
    return { ...dense, linears };
  }
  const report = lintModel(experts("pack-quantized", () => asymmetric), "vllm");
  assert.equal(report.loads, false);
  assert.match(
    messages(report)[0] ?? "",
    /error: vllm reads experts in this format only on symmetric/,
  );
  assert.deepEqual(report.findings[0]?.linears, ["l.gate", "l.up", "l.down"]);
  assert.equal(lintModel(experts("pack-quantized", () => GOOD), "vllm").loads, true);
  assert.equal(lintModel(experts("awq-gemm", () => asymmetric), "vllm").loads, true);
});

Deno.test("lintModel() knows layouts of one tool alone, and several layouts in one checkpoint", () => {
  for (const target of ["vllm", "sglang", "transformers"] as const) {
    const planar = lintModel(model("gptq-p", () => ({ ...GOOD, bits: 6 })), target);
    assert.match(messages(planar)[0] ?? "", new RegExp(`error: ${target} does not read gptq-p`));
  }
  const rows = ({ shape, role }: LinearInfo): StoredLinear =>
    role === "down" ? GOOD : { ...GOOD, bits: 8, groupSize: shape[1] };
  assert.equal(lintModel(model("mixed-precision", rows), "vllm").loads, true);
  const five = lintModel(model("mixed-precision", () => ({ ...GOOD, bits: 5 })), "vllm");
  assert.equal(five.loads, false);
});

Deno.test("lintModel() sees joined linears that are stored differently", () => {
  const mixed = ({ role }: LinearInfo): StoredLinear => role === "v" ? { ...GOOD, bits: 8 } : GOOD;
  const report = lintModel(model("pack-quantized", mixed), "vllm");
  assert.equal(report.loads, false);
  assert.deepEqual(report.findings[0]?.linears, ["l.q", "l.k", "l.v"]);
  const plainUp = ({ role }: LinearInfo): StoredLinear | undefined =>
    role === "up" ? undefined : GOOD;
  assert.equal(lintModel(model("pack-quantized", plainUp), "vllm").loads, false);
  const down = ({ role }: LinearInfo): StoredLinear =>
    role === "down" ? { ...GOOD, bits: 8 } : GOOD;
  assert.equal(lintModel(model("pack-quantized", down), "vllm").loads, true);
  assert.equal(lintModel(model("pack-quantized", mixed), "transformers").loads, true);
});

Deno.test("lintModel() counts heads under tensor parallelism", () => {
  const grouped = lintModel(model("awq-gemm", () => GOOD, { kvHeads: 4, mlp: 16384 }), "vllm");
  assert.deepEqual(grouped.tensorParallel.map(({ fits }) => fits), [true, true, true]);
  const odd = lintModel(
    model("awq-gemm", () => GOOD, { heads: 28, kvHeads: 4, mlp: 16384 }),
    "vllm",
  );
  assert.deepEqual(odd.tensorParallel.map(({ reason }) => reason), [
    undefined,
    undefined,
    "28 heads do not divide by 8",
  ]);
});

Deno.test("inspectModel() names the blocks of a GGUF file", async () => {
  await using folder = await temporaryDirectory();
  await writeTinyModel(folder.path, TINY_LLAMA, { dtype: "F16" });
  using backend = createReferenceBackend();
  const out = `${folder.path}/m.gguf`;
  const plugins = [rtn({ bits: 4, groupSize: 32 })];
  const skip = ["q_proj"];
  await quantize({ model: folder.path, backend, plugins, format: "gguf", out, skip });
  using written = await openModel(out, backend);
  const { format, linears } = inspectModel(written);
  assert.equal(format, "gguf");
  const stored = linears.slice(0, 3).map((linear) => [linear.stored, linear.bits]);
  assert.deepEqual(stored, [["F16", 16], ["Q4_1", 5], ["Q4_1", 5]]);
  assert.equal(lintModel(written, "llama.cpp").loads, true);
});

Deno.test("lintModel() sees routers that are quantized, and experts of a block that are stored differently", () => {
  function mixture(of: (linear: LinearInfo) => StoredLinear | undefined): Model {
    const dense = model("pack-quantized", of);
    const attention = dense.linears.slice(0, 4);
    const router: LinearInfo = { ...attention[0]!, name: "l.router", role: "router", plain: true };
    const experts = [0, 1].flatMap((expert) =>
      dense.linears.slice(4).map((info) => ({ ...info, expert, name: `l.${expert}.${info.role}` }))
    );
    return { ...dense, linears: [...attention, router, ...experts] };
  }
  const good = mixture(({ plain }) => plain === true ? undefined : GOOD);
  assert.deepEqual(lintModel(good, "vllm").findings, []);
  const router = lintModel(mixture(() => ({ ...GOOD, groupSize: 64 })), "vllm");
  assert.equal(router.loads, false);
  assert.match(messages(router)[0] ?? "", /^error: vllm keeps routers in floating point/);
  assert.deepEqual(router.findings[0]?.linears, ["l.router"]);
  const unlike = mixture(({ plain, name }) => {
    return plain === true ? undefined : { ...GOOD, bits: name === "l.1.down" ? 8 : 4 };
  });
  const report = lintModel(unlike, "sglang");
  assert.match(messages(report)[0] ?? "", /^error: sglang joins the experts of a block/);
  assert.equal(report.findings[0]?.linears.length, 6);
  assert.deepEqual(
    lintModel(unlike, "transformers").findings.filter((f) => f.severity === "error"),
    [],
  );
});
