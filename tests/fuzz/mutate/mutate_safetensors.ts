/**
 * Damage to safetensors files.
 *
 * @module
 */

import { type Dice, EDGES } from "./dice.ts";
import { joined, mutateBytes } from "./mutate_bytes.ts";
import { mutateJson } from "./mutate_json.ts";

type Bytes = Uint8Array<ArrayBuffer>;

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

const TYPES = ["F64", "F32", "F16", "BF16", "F8_E4M3", "I64", "I32", "I8", "U8", "BOOL", "F4", ""];
const WIDTHS: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  F16: 2,
  BF16: 2,
};

/**
 * Changes the header as JSON with its length kept true, the length itself, the data, or the list of tensors so that
 * the file stays valid and whoever asks for its tensors finds others than it should.
 */
export function mutateSafetensors(bytes: Bytes, dice: Dice): Bytes {
  const parts = split(bytes);
  if (parts === undefined || dice.oneIn(10)) return mutateBytes(bytes, dice);
  const { header, data } = parts;
  switch (dice.below(6)) {
    case 0:
      return file(mutateJson(header, dice), data);
    case 1:
      return file(header, mutateBytes(data, dice));
    case 2: { // data of any kind in their full length
      const noisy = data.slice();
      for (let i = 0; i < 32 && data.length > 0; i++) {
        noisy[dice.below(data.length)] = dice.pick([0, 127, 128, 255, dice.below(256)]);
      }
      return file(header, noisy);
    }
    case 3: {
      const copy = bytes.slice();
      const length = BigInt(dice.oneIn(2) ? dice.pick(EDGES) : header.length + dice.below(9) - 4);
      new DataView(copy.buffer).setBigUint64(0, BigInt.asUintN(64, length), true);
      return copy;
    }
    default:
      try {
        return retiled(header, data, dice);
      } catch (error) {
        // A second change to a header that nests too deep, or says something else altogether.
        if (error instanceof RangeError || error instanceof TypeError) {
          return mutateBytes(bytes, dice);
        }
        throw error;
      }
  }
}

function split(bytes: Bytes): { header: Bytes; data: Bytes } | undefined {
  if (bytes.length < 8) return undefined;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > bytes.length - 8) return undefined;
  return { header: bytes.slice(8, 8 + length), data: bytes.slice(8 + length) };
}

function file(header: Bytes, data: Bytes): Bytes {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  return joined(length, header, data);
}

/** Another valid file: a tensor is gone, renamed, copied, of another shape or another type. */
function retiled(header: Bytes, data: Bytes, dice: Dice): Bytes {
  let entries: [string, Entry][];
  try {
    const all = Object.entries(JSON.parse(new TextDecoder().decode(header)) as object);
    entries = all.filter(([name]) => name !== "__metadata__") as [string, Entry][];
    entries.forEach(([, { shape, data_offsets }]) => [...shape, ...data_offsets]);
  } catch {
    return file(mutateJson(header, dice), data);
  }
  if (entries.length === 0) return file(header, data);
  const at = dice.below(entries.length);
  const [name, entry] = entries[at]!;
  const [begin, end] = entry.data_offsets;
  let bytes = data.slice(begin, end);
  let [dtype, shape, newName] = [entry.dtype, [...entry.shape], name];
  switch (dice.below(6)) {
    case 0:
      entries.splice(at, 1);
      break;
    case 1:
      newName = dice.pick(entries)[0];
      break;
    case 2:
      shape = dice.pick([shape.toReversed(), [1, ...shape], [bytes.length], [], [0], [
        0,
        2 ** 32 - 1,
      ]]);
      break;
    case 3:
      dtype = dice.pick(TYPES);
      break;
    case 4: { // fewer or more rows
      const rows = dice.pick([0, 1, (shape[0] ?? 1) - 1, (shape[0] ?? 1) + 1, 2 * (shape[0] ?? 1)]);
      shape[0] = Math.max(0, rows);
      break;
    }
    default:
      bytes = bytes.map(() => dice.below(256));
  }
  const size = shape.reduce((a, b) => a * b, WIDTHS[dtype] ?? 1);
  if (size !== bytes.length && size <= 1 << 20) {
    const resized = new Uint8Array(size);
    resized.set(bytes.subarray(0, size));
    bytes = resized;
  }
  const tiled: Record<string, Entry> = Object.create(null);
  const pieces: Bytes[] = [];
  let offset = 0;
  for (const [each, { dtype: type, shape: sizes, data_offsets: [from, to] }] of entries) {
    const own = each === name ? bytes : data.slice(from, to);
    const [key, kind, form] = each === name ? [newName, dtype, shape] : [each, type, sizes];
    if (key in tiled) continue;
    tiled[key] = { dtype: kind, shape: form, data_offsets: [offset, offset + own.length] };
    offset += own.length;
    pieces.push(own);
  }
  return file(new TextEncoder().encode(JSON.stringify(tiled)), joined(...pieces));
}
