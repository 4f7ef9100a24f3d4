/**
 * Damage to JSON that mostly stays JSON.
 *
 * @module
 */

import fc from "fast-check";
import type { Json } from "../../../core/checkpoint/types.ts";
import { type Dice, EDGES } from "./dice.ts";
import { mutateBytes } from "./mutate_bytes.ts";

type Node = Json[] | Record<string, Json>;

const STRINGS: readonly string[] = [
  "",
  " ",
  "__proto__",
  "constructor",
  "toString",
  "../../../etc/passwd",
  "\0",
  "\u001b[2J\n\r\u2028",
  "\ud800",
  "é́▁😀",
  "NaN",
  "-1",
  "(",
  "[",
  "(?<=x)*",
  "{{",
  "{% for x in y %}",
  "x".repeat(5000),
  "default",
  "BPE",
  "Sequence",
];

/** Values of every kind, made once. */
const VALUES = fc.sample(fc.jsonValue({ maxDepth: 3 }), { numRuns: 300, seed: 7 }) as Json[];

/** Written as themselves where JSON has no word for them. A key `RAW n` stands for the n-th. */
const RAW: readonly string[] = [
  "NaN",
  "Infinity",
  "-Infinity",
  "1e999",
  "-1e999",
  "1e-999",
  "0x10",
  "00",
  "'x'",
  "undefined",
  "[".repeat(70) + "]".repeat(70),
  "[".repeat(100_000) + "]".repeat(100_000),
  "[".repeat(100_000),
  '{"a":'.repeat(1000) + "1" + "}".repeat(1000),
  '{"a":1,"a":2}',
  "9".repeat(400),
];

/** Changes one thing in a JSON text: types, keys, numbers, order, depth; once in a while the text itself. */
export function mutateJson(
  bytes: Uint8Array<ArrayBuffer>,
  dice: Dice,
): Uint8Array<ArrayBuffer> {
  if (dice.oneIn(12)) return mutateBytes(bytes, dice);
  try {
    return changed(JSON.parse(new TextDecoder().decode(bytes)) as Json, dice);
  } catch (error) {
    // A second change to a text that is no JSON any more, or too deep to be copied.
    if (error instanceof SyntaxError || error instanceof RangeError) {
      return mutateBytes(bytes, dice);
    }
    throw error;
  }
}

function changed(value: Json, dice: Dice): Uint8Array<ArrayBuffer> {
  const root: { value: Json } = { value };
  const nodes = nodesOf(value);
  const node = nodes.length === 0 || dice.oneIn(50) ? root as Node : dice.pick(nodes);
  changeNode(node, nodes, dice);
  const text = JSON.stringify(root.value) ?? "null";
  const raw = text.replaceAll(/"RAW (\d+)"/g, (_, index) => RAW[Number(index)] ?? "");
  return new TextEncoder().encode(raw.replaceAll(/"TWICE \w+ /g, '"'));
}

/** Objects and arrays with something in them, in order; not more than some thousand. */
function nodesOf(value: Json): Node[] {
  const nodes: Node[] = [];
  const open: Json[] = [value];
  while (open.length > 0 && nodes.length < 5000) {
    const next = open.pop()!;
    if (typeof next !== "object" || next === null) continue;
    const children = Array.isArray(next) ? next as Json[] : Object.values(next) as Json[];
    if (children.length > 0) nodes.push(next as Node);
    // Of a long list of one kind some stand for all, so that the rest of the file is not left alone.
    for (const child of children.slice(0, 64)) open.push(child);
  }
  return nodes;
}

function changeNode(node: Node, nodes: readonly Node[], dice: Dice): void {
  const keys = Object.keys(node);
  const key = dice.pick(keys);
  const record = node as Record<string, Json>;
  const set = (name: string, value: Json): void => {
    // Not by assignment, which does something else for __proto__.
    Object.defineProperty(record, name, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  };
  switch (dice.below(11)) {
    case 0:
      if (Array.isArray(node)) node.splice(Number(key), 1);
      else delete record[key];
      return;
    case 1:
    case 2:
      return set(key, nudged(record[key] ?? null, dice));
    case 3:
      return set(key, dice.pick(VALUES));
    case 4:
      return set(key, `RAW ${dice.below(RAW.length)}`);
    case 5:
      return set(key, dice.pick(STRINGS));
    case 6: { // something from elsewhere in the file
      const other = dice.pick(nodes.length === 0 ? [node] : nodes);
      const values = Object.values(other) as Json[];
      return set(key, structuredClone(values.length === 0 ? null : dice.pick(values)));
    }
    case 7:
      if (Array.isArray(node)) node.push(structuredClone(node[Number(key)] ?? null));
      else set(dice.pick(STRINGS), structuredClone(record[key] ?? null));
      return;
    case 8: // the same key a second time
      if (!Array.isArray(node)) {
        set(`TWICE ${dice.below(10)} ${key}`, nudged(record[key] ?? null, dice));
      }
      return;
    case 9:
      return set(key, dice.pick<Json>([[], {}, null, true, [record[key] ?? null], { [key]: 1 }]));
    default: // under another name
      if (Array.isArray(node)) node.reverse();
      else {
        const value = record[key] ?? null;
        delete record[key];
        set(dice.oneIn(2) ? key.slice(0, -1) : dice.pick(keys), value);
      }
  }
}

/** A value of the same kind, near by or at an edge. */
function nudged(value: Json, dice: Dice): Json {
  if (typeof value === "number") {
    return dice.pick([
      value + 1,
      value - 1,
      value * 2,
      value / 2,
      -value,
      value + 0.5,
      value * 1e9,
      dice.pick(EDGES),
      -dice.pick(EDGES),
      1e300,
      5e-324,
    ]);
  }
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") {
    return dice.pick([
      value + value,
      value.slice(1),
      value.toUpperCase(),
      `${value}\0`,
      value.split("").reverse().join(""),
      dice.pick(STRINGS),
    ]);
  }
  if (Array.isArray(value)) return [...value as Json[], ...value as Json[]];
  return value === null ? 0 : null;
}
