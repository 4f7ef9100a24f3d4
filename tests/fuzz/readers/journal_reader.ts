/**
 * Fuzzes the work that `--resume` goes on from.
 *
 * @module
 */

import type { Backend } from "../../../core/backend.ts";
import { JournalFile } from "../../../core/journal/journal_file.ts";
import { quantize, type QuantizeOptions } from "../../../core/pipeline/quantize.ts";
import { folding, tinyCalibration } from "../../core/pipeline/pipeline_fixtures.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import type { FuzzReader } from "../fuzz_reader.ts";

const FILE = "journal.jsonl";

/**
 * A journal after one block of two, a record a line, and the hidden states behind it. The records get right checksums
 * once they are damaged: one with a wrong checksum is left out and nothing else.
 */
export const journalReader: FuzzReader = {
  name: "journal",
  async corpus(folder, backend) {
    const work = await interrupted(folder, backend);
    using journal = await JournalFile.open(`${work}/journal`, "read");
    const lines: string[] = [];
    for (const frame of journal.frames) {
      const payload = (await journal.read(frame)).toBase64();
      lines.push(JSON.stringify({ header: JSON.parse(frame.header), payload }));
    }
    const text = new TextEncoder().encode(lines.join("\n"));
    return [new Map([[FILE, text], ["states-0", await Deno.readFile(`${work}/states-0`)]])];
  },
  async read(directory, backend) {
    const folder = `${directory}/run`;
    await Deno.mkdir(`${folder}/.out.salient-work`, { recursive: true });
    for (const name of ["states-0"]) {
      await Deno.rename(`${directory}/${name}`, `${folder}/.out.salient-work/${name}`).catch(
        () => {},
      );
    }
    const journal = await JournalFile.open(`${folder}/.out.salient-work/journal`, "write");
    await journal.cut(undefined);
    const text = await Deno.readTextFile(`${directory}/${FILE}`).catch(() => "");
    for (const line of text.split("\n")) {
      const { header, payload } = recordOf(line);
      await journal.append(header, [payload], payload.length);
    }
    journal[Symbol.dispose]();
    try {
      await quantize(await optionsIn(folder, backend));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
};

/** Whatever is left of a line. */
function recordOf(line: string): { header: string; payload: Uint8Array } {
  try {
    const { header, payload } = JSON.parse(line);
    return { header: JSON.stringify(header) ?? "", payload: Uint8Array.fromBase64(payload) };
  } catch {
    return { header: line, payload: new Uint8Array() };
  }
}

async function optionsIn(folder: string, backend: Backend): Promise<QuantizeOptions> {
  await Deno.mkdir(`${folder}/model`, { recursive: true });
  await writeTinyModel(`${folder}/model`, TINY_LLAMA);
  return {
    model: `${folder}/model`,
    backend,
    plugins: [folding({ absMean: true, gram: true })],
    calibration: tinyCalibration(2, 8),
    rules: [{ match: "down", skip: true }],
    out: `${folder}/out`,
    resume: true,
  };
}

/** The work of a run that was interrupted after its first block. */
async function interrupted(folder: string, backend: Backend): Promise<string> {
  const controller = new AbortController();
  const options = await optionsIn(folder, backend);
  await quantize({
    ...options,
    signal: controller.signal,
    onEvent: (event) => {
      if (event.type === "block" && event.state === "finish") controller.abort();
    },
  }).catch(() => {});
  return `${folder}/.out.salient-work`;
}
