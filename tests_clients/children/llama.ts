/**
 * llama.cpp in a process of its own, through node-llama-cpp:
 *
 *     deno run --config tests_clients/peers/peers.json -A tests_clients/children/llama.ts < REQUEST.json
 *
 * REQUEST is `{"file","texts":[...],"prompt":[ids],"tokens":N,"windows":[[ids],...]}`. The answer, the last line of
 * the output, has the ids of the texts, the ids that follow the prompt greedily, and for each window the mean
 * negative log-likelihood of its tokens from the second on.
 *
 * @module
 */

interface Next {
  readonly probabilities?: Map<number, number>;
}

interface Sequence {
  evaluate(ids: readonly number[], options: object): AsyncGenerator<number>;
  controlledEvaluate(
    input: readonly (number | [number, object])[],
  ): Promise<readonly ({ readonly next: Next } | undefined)[]>;
  clearHistory(): Promise<void>;
}

interface LlamaModel {
  tokenize(text: string, specialTokens: boolean): readonly number[];
  createContext(options: object): Promise<{ getSequence(): Sequence }>;
}

const request = JSON.parse(await new Response(Deno.stdin.readable).text());
const name = "node-llama-cpp";
const { getLlama } = await import(name);
const quiet = { progressLogs: false, logLevel: "error" };
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, ...quiet });
const model: LlamaModel = await llama.loadModel({ modelPath: request.file, checkTensors: true });
const context = await model.createContext({ contextSize: 512, batchSize: 512, threads: 2 });
const sequence = context.getSequence();

const texts = request.texts.map((text: string) => [...model.tokenize(text, false)]);
const greedy: number[] = [];
for await (const id of sequence.evaluate(request.prompt, { temperature: 0, yieldEogToken: true })) {
  if (greedy.push(id) >= request.tokens) break;
}
const losses: number[] = [];
for (const ids of request.windows as number[][]) {
  await sequence.clearHistory();
  const options = {
    generateNext: { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } },
  };
  const outputs = await sequence.controlledEvaluate(ids.map((id) => [id, options]));
  let sum = 0;
  for (let i = 1; i < ids.length; i++) {
    sum -= Math.log(outputs[i - 1]?.next.probabilities?.get(ids[i]!) ?? NaN);
  }
  losses.push(sum / (ids.length - 1));
}
console.log(JSON.stringify({ texts, greedy, losses }));
Deno.exit(0);
