/**
 * What llama.cpp makes of some tokens, file by file, in a process of its own, through node-llama-cpp:
 *
 *     deno run --config tests_clients/peers/peers.json -A tests_clients/children/llama_logits.ts < REQUEST.json
 *
 * REQUEST is `{"files":[...],"ids":[...]}`. The answer, the last line of the output, has for each file the log-likelihood of
 * every token of the vocabulary after each id, [ids][vocabulary], or the error as a text.
 *
 * @module
 */

interface Next {
  readonly probabilities?: Map<number, number>;
}

const request = JSON.parse(await new Response(Deno.stdin.readable).text());
const name = "node-llama-cpp";
const { getLlama } = await import(name);
const quiet = { progressLogs: false, logLevel: "error" };
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, ...quiet });

async function measure(file: string): Promise<readonly (readonly number[])[]> {
  const model = await llama.loadModel({ modelPath: file, checkTensors: true });
  const options = { contextSize: 256, batchSize: 256, threads: 1, flashAttention: false };
  const context = await model.createContext(options);
  const sequence = context.getSequence();
  const generateNext = {
    probabilities: true,
    options: { temperature: 1, topK: 0, topP: 1, minP: 0 },
  };
  const outputs = await sequence.controlledEvaluate(
    request.ids.map((id: number) => [id, { generateNext }]),
  );
  const rows = outputs.map((output: { readonly next: Next } | undefined) => {
    const values = output?.next.probabilities ?? new Map<number, number>();
    const row = new Array<number>(values.size).fill(NaN);
    for (const [id, probability] of values) row[id] = Math.log(probability);
    return row;
  });
  await context.dispose();
  await model.dispose();
  return rows;
}

const answers: unknown[] = [];
for (const file of request.files as string[]) {
  try {
    answers.push(await measure(file));
  } catch (error) {
    answers.push(String(error));
  }
}
console.log(JSON.stringify(answers));
Deno.exit(0);
