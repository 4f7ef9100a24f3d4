/**
 * The README of a new plugin.
 *
 * @module
 */

/** `README.md`: how to test, run and measure it. */
export function pluginReadme(name: string): string {
  return `# ${name}

A plugin for Salient (\`@salient/quant\`).

\`\`\`sh
deno task test                                   # the conformance suite
deno task salient quantize MODEL --plugin ./mod.ts --group-size 32 --set ${name}.shrink=0.9 --out OUT
deno task salient compare MODEL --methods rtn,./mod.ts --group-size 32 --text FILE
\`\`\`

MODEL is a directory with \`config.json\`, safetensors and \`tokenizer.json\`.
`;
}
