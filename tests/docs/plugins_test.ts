import assert from "node:assert/strict";
import { markdownBlocks } from "./markdown_blocks.ts";
import { sameOutput } from "./same_output.ts";

const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");

/** A shell that remembers its directory, beside a checkout and nothing else. */
class Shell {
  readonly #folder: string;
  #directory = ROOT;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where the plugin is. */
  get plugin(): string {
    return `${this.#folder}/tilt`;
  }

  /** Runs a block of commands as it is written, but for the places that it names. */
  async run(block: string): Promise<{ code: number; stdout: string; stderr: string }> {
    const script = block.replaceAll("../salient", ROOT).replaceAll("../", `${this.#folder}/`);
    const place = `${this.#folder}/place`;
    const command = new Deno.Command("bash", {
      args: [
        "-ec",
        `export PATH="${this.#folder}/bin:$PATH"\ntrap 'pwd > "${place}"' EXIT\n${script}`,
      ],
      cwd: this.#directory,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    const { code, stdout, stderr } = await command.output();
    this.#directory = (await Deno.readTextFile(place)).trim();
    const decoder = new TextDecoder();
    const shown = (bytes: Uint8Array): string =>
      decoder.decode(bytes).replaceAll(ROOT, "../salient").replaceAll(`${this.#folder}/`, "../");
    return { code, stdout: shown(stdout), stderr: shown(stderr) };
  }
}

Deno.test("docs/plugins.md does what it says, and prints what it shows", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${folder}/bin`);
    await Deno.symlink(Deno.execPath(), `${folder}/bin/deno`);
    const shell = new Shell(folder);
    const page = await Deno.readTextFile(`${ROOT}/docs/plugins.md`);
    let last = { stdout: "", stderr: "" };
    let counts = { sh: 0, ts: 0, text: 0 };
    for (const { info, text } of markdownBlocks(page)) {
      const [kind = "", ...flags] = info.split(" ");
      if (kind === "sh") {
        const result = await shell.run(text);
        assert.equal(result.code !== 0, flags.includes("fails"), `${text}\n${result.stderr}`);
        last = result;
        counts = { ...counts, sh: counts.sh + 1 };
        if (counts.sh === 1) {
          // The lock of the checkout, so that nothing has to be asked of the network.
          await Deno.copyFile(`${ROOT}/deno.lock`, `${shell.plugin}/deno.lock`);
        }
      } else if (kind === "ts") {
        const [, file] = /^\/\/ (\S+\.ts)\n/.exec(text) ?? [];
        assert.ok(file !== undefined, `a file without its name: ${text.slice(0, 80)}`);
        await Deno.writeTextFile(`${shell.plugin}/${file}`, text.replace(/^.*\n/, ""));
        counts = { ...counts, ts: counts.ts + 1 };
      } else if (kind === "text") {
        const found = `${last.stdout}\n${last.stderr}`;
        assert.equal(
          sameOutput(text, found),
          undefined,
          `${text}\nwas shown, but this came:\n${found}`,
        );
        counts = { ...counts, text: counts.text + 1 };
      } else assert.fail(`a block of ${info}`);
    }
    assert.deepEqual(counts, { sh: 7, ts: 2, text: 7 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sameOutput() allows for time and for the last digits, and for nothing else", () => {
  const shown = "rtn  3  27.425  +28.26 %  1013.5 KiB  0.08 s\nok | 11 passed | 0 failed";
  const came = "Check x\nrtn  3  27.44  +28.33 %  1013.5 KiB  12 min 01 s\nmore\n\n" +
    "ok | 11 passed | 0 failed (3s)";
  assert.equal(sameOutput(shown, came), undefined);
  assert.match(String(sameOutput(shown, came.replace("27.44", "29.44"))), /27\.425/);
  assert.match(String(sameOutput(shown, came.replace("1013.5", "1113.5"))), /KiB/);
  assert.match(String(sameOutput(shown, came.replace("11 passed", "10 passed"))), /11 passed/);
  assert.match(String(sameOutput(shown, "")), /rtn/);
});
