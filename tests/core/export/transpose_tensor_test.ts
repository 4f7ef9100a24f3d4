import assert from "node:assert/strict";
import { transposeTensor } from "../../../core/export/transpose_tensor.ts";
import { DTYPE_BYTES } from "../../../core/tensor.ts";
import { testBackends } from "../../test_backends.ts";

const TYPES = ["U8", "F8_E4M3", "F16", "BF16", "I32", "F32", "F64"] as const;

for (const { name, create } of testBackends()) {
  Deno.test(`transposeTensor() on ${name} moves the bytes of every type, in pieces too`, async () => {
    using backend = await create();
    // The second has more than one piece of a mebibyte, and sides that are no multiples of a tile.
    for (const [rows, columns] of [[3, 5], [1031, 333]] as const) {
      for (const dtype of TYPES) {
        const width = DTYPE_BYTES[dtype];
        const bytes = Uint8Array.from(
          { length: rows * columns * width },
          (_, i) => i * 31 + (i >> 8),
        );
        using tensor = backend.upload(bytes, dtype, [rows, columns]);
        using turned = transposeTensor(tensor, backend);
        assert.deepEqual(turned.shape, [columns, rows]);
        const found = backend.downloadBytes(turned);
        for (
          const [row, column] of [[0, 0], [rows - 1, 0], [0, columns - 1], [rows - 1, 2]] as const
        ) {
          const from = (row * columns + column) * width;
          const to = (column * rows + row) * width;
          assert.deepEqual(found.slice(to, to + width), bytes.slice(from, from + width));
        }
        using back = transposeTensor(turned, backend);
        assert.deepEqual(backend.downloadBytes(back), bytes);
      }
    }
  });
}
