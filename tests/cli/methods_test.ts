import assert from "node:assert/strict";
import { buildChain, type MethodOptions } from "../../cli/methods.ts";
import { methodChain } from "../../cli/method_chain.ts";
import { PluginSettings } from "../../cli/plugin_settings.ts";

const OPTIONS: MethodOptions = {
  bits: 3,
  groupSize: 32,
  symmetric: false,
  objective: undefined,
  search: undefined,
  noClip: false,
};
const FIXTURES = "./tests/fixtures/plugins";

/** The chain's name, after everything that was set has found its plugin. */
async function chain(parts: string[], set: string[] = []): Promise<string> {
  const settings = new PluginSettings(set);
  const { name } = await buildChain(parts, OPTIONS, settings);
  settings.refuseUnused();
  return name;
}

Deno.test("a chain of methods runs in the order given", async () => {
  assert.equal(await chain(["rtn"]), "rtn");
  assert.equal(await chain(["awq", "rtn"]), "awq+rtn");
  assert.equal(await chain(["awq", "gptq"]), "awq+gptq");
  assert.equal(await chain(["smoothquant", "awq"]), "smoothquant+awq");
  assert.equal(await chain([`${FIXTURES}/idle.ts`, "rtn"]), "idle+rtn");
  assert.equal(await chain([`${FIXTURES}/rounder.ts`]), "my-rounder");
  assert.equal(await chain(["awq", `${FIXTURES}/rounder.ts`]), "awq+my-rounder");
});

Deno.test("in a chain only the last method rounds", async () => {
  const { plugins } = await buildChain(["awq", "rtn"], OPTIONS, new PluginSettings([]));
  const answer = await plugins[0]?.quantizeLinear?.({} as never, {} as never);
  assert.equal(answer, undefined);
  await assert.rejects(chain(["rtn", "awq"]), {
    code: "usage",
    message: "rtn rounds every linear, so that awq after it has nothing to do: put rtn last",
  });
  await assert.rejects(chain([`${FIXTURES}/idle.ts`]), {
    code: "usage",
    message: "idle rounds nothing: add a method that does, as idle+rtn or --method rtn",
  });
  // A plugin after it that only transforms leaves the rounding to it.
  assert.equal(await chain(["rtn", `${FIXTURES}/idle.ts`]), "rtn+idle");
});

Deno.test("bits, groups and format suit the method that rounds, unless they are given", async () => {
  const none = { ...OPTIONS, bits: undefined, groupSize: undefined };
  const usual = async (parts: string[], options: MethodOptions): Promise<unknown[]> => {
    const { bits, groupSize, format } = await buildChain(parts, options, new PluginSettings([]));
    return [bits, groupSize, format];
  };
  assert.deepEqual(await usual(["awq"], none), [4, 128, "awq-gemm"]);
  assert.deepEqual(await usual([`${FIXTURES}/rounder.ts`], none), [4, 128, "awq-gemm"]);
  assert.deepEqual(await usual(["smoothquant"], none), [8, -1, "int-quantized"]);
  assert.deepEqual(await usual(["smoothquant", "awq"], none), [4, 128, "awq-gemm"]);
  assert.deepEqual(await usual(["smoothquant"], OPTIONS), [3, 32, "int-quantized"]);
});

Deno.test("--set reaches a plugin by its name and by that of its file", async () => {
  const file = `${FIXTURES}/rounder.ts`;
  assert.equal(await chain([file], ["rounder.name=other", "rounder.keep=0.5"]), "other");
  assert.equal(await chain([file], ["my-rounder.keep=0.5"]), "my-rounder");
  assert.equal(await chain(["awq"], ["awq.gridPoints=7", "awq.clip.steps=3"]), "awq");
});

Deno.test("--set of what there is not is refused with the nearest name", async () => {
  const file = `${FIXTURES}/rounder.ts`;
  const cases: [string[], string[], RegExp][] = [
    [[file], ["rounder.kep=1"], /^Option kep of my-rounder is unknown: did you mean keep\?$/],
    [[file], ["my-rounder.kep=1"], /^Option kep of my-rounder is unknown: did you mean keep\?$/],
    [
      ["awq"],
      ["awq.gridpoints=7"],
      /^Option gridpoints of awq is unknown: did you mean gridPoints/,
    ],
    [["awq"], ["awq.clip.step=7"], /^Option step of awq.clip is unknown: did you mean steps/],
    [["awq"], ["awk.gridPoints=7"], /^--set names awk, .*: did you mean awq\?$/],
    [["rtn"], ["awq.gridPoints=7"], /^--set names awq, but no plugin of this run .*: use rtn$/],
    [["rtn"], ["rtn.bits=99"], /^Bits must be a whole number from 2 to 8 but is 99$/],
    [["rtn"], ["rtn.bits=many"], /but is many$/],
    [["rtn"], ["bits=3"], /^--set bits=3 cannot be read: write NAME.OPTION=VALUE/],
    [["rtn"], ["rtn..bits=3"], /cannot be read/],
    [["awq"], ["awq.bits=3", "awq.bits.x=3"], /leads into bits, which is no object$/],
    [[`${FIXTURES}/idle.ts`, "rtn"], ["idle.x=1"], /^Plugin idle takes no options, so not x$/],
  ];
  for (const [parts, set, text] of cases) {
    await assert.rejects(chain(parts, set), { code: "usage", message: text });
  }
});

Deno.test("values of --set are JSON where they can be read as that", () => {
  const settings = new PluginSettings([
    ...["p.a=0.7", "p.b=true", "p.c=[1,2]", 'p.d={"x":1}', "p.e=some text", "p.f=", "p.g=a=b"],
    ...["p.h.i.j=1", "p.h.k=2"],
  ]);
  const options = settings.of(["p"]);
  assert.deepEqual({ ...options }, {
    a: 0.7,
    b: true,
    c: [1, 2],
    d: { x: 1 },
    e: "some text",
    f: "",
    g: "a=b",
    h: { i: { j: 1 }, k: 2 },
  });
});

Deno.test("plugins that cannot be loaded or made are told apart", async () => {
  const cases: [string, string, RegExp][] = [
    ["none.ts", "usage", /cannot be loaded: Module not found/],
    ["nothing.ts", "usage", /has no default export that is a plugin, or a function/],
    ["broken.ts", "plugin", /broken.ts failed when it was made: out of luck$/],
  ];
  for (const [file, code, text] of cases) {
    await assert.rejects(chain([`${FIXTURES}/${file}`]), { code, message: text });
  }
});

Deno.test("a chain is read as it is written, and an unknown method is refused with the nearest", () => {
  const parser = methodChain("NAME");
  const parse = (text: string): unknown => {
    const result = parser.parse(text);
    return result.success ? result.value : JSON.stringify(result.error);
  };
  assert.deepEqual(parse("awq + rtn"), ["awq", "rtn"]);
  assert.deepEqual(parse("./a.ts+npm:@me/b@1.0.0+rtn"), ["./a.ts", "npm:@me/b@1.0.0", "rtn"]);
  assert.match(String(parse("awp")), /awp.*did you mean awq/);
  assert.match(String(parse("awq+")), /is unknown.*use awq/);
  assert.match(String(parse("magic")), /magic.*use awq, gptq, rtn, smoothquant/);
});
