/**
 * Operations that pack codes into words and into the layout that linears run.
 *
 * @module
 */

import type { Int4Layout, Ops, PackedWeight } from "../../core/backend.ts";
import type { Tensor } from "../../core/tensor.ts";
import { Checks } from "./checks.ts";
import { NativePackedWeight } from "./native_packed_weight.ts";
import { NativeTensor } from "./native_tensor.ts";
import { checkedQuantized } from "./quantization_ops.ts";
import type { NativeSession } from "./session.ts";

/** The operations of this file. */
export type PackingOps = Pick<Ops, "packInt4" | "unpackInt4" | "pack">;

/** The order of a layout as the library takes it. */
function orderOf(checks: Checks, layout: Int4Layout): Uint8Array<ArrayBuffer> {
  const order = [...layout.order];
  checks.that(
    order.length === 8 && order.toSorted((a, b) => a - b).every((value, i) => value === i),
    `the order must hold each of 0 to 7 once but is [${order.join(", ")}]`,
  );
  checks.that(
    layout.along === "out" || layout.along === "in",
    `there is no layout along ${layout.along}`,
  );
  return Uint8Array.from(order);
}

/** Makes them on a session's library. */
export function packingOps(session: NativeSession): PackingOps {
  return {
    async packInt4(codes, layout): Promise<Tensor> {
      const checks: Checks = new Checks(session, "packInt4");
      const order = orderOf(checks, layout);
      const mine = checks.typed(codes, "codes", "U8");
      const { rows: N, columns: K } = checks.matrix(mine, "codes");
      const along = layout.along === "out";
      checks.that((along ? N : K) % 8 === 0, `8 does not divide ${along ? N : K}`);
      const out = new Uint32Array(1);
      await session.call(
        "salient_pack_int4",
        { operation: "packInt4", work: mine.size, uses: [mine.owned], out },
        [mine.owned.value, along ? 1 : 0, order, out],
      );
      return new NativeTensor(session, out[0] ?? 0, "I32", along ? [K, N / 8] : [N, K / 8]);
    },

    async unpackInt4(words, layout): Promise<Tensor> {
      const checks: Checks = new Checks(session, "unpackInt4");
      const order = orderOf(checks, layout);
      const mine = checks.typed(words, "words", "I32");
      const { rows, columns } = checks.matrix(mine, "words");
      const along = layout.along === "out";
      const out = new Uint32Array(1);
      await session.call(
        "salient_unpack_int4",
        { operation: "unpackInt4", work: mine.size * 8, uses: [mine.owned], out },
        [mine.owned.value, along ? 1 : 0, order, out],
      );
      const shape = along ? [columns * 8, rows] : [rows, columns * 8];
      return new NativeTensor(session, out[0] ?? 0, "U8", shape);
    },

    async pack(weight): Promise<PackedWeight> {
      const checks: Checks = new Checks(session, "pack");
      const { codes, scales, zeros, grid, N, K } = checkedQuantized(checks, weight);
      const uses = [codes.owned, scales.owned, zeros.owned];
      const out = new Uint32Array(1);
      const bytes = new Float64Array(1);
      await session.call("salient_pack", { operation: "pack", work: codes.size * 2, uses, out }, [
        codes.owned.value,
        scales.owned.value,
        zeros.owned.value,
        grid,
        out,
        bytes,
      ]);
      return new NativePackedWeight(session, out[0] ?? 0, {
        shape: [N, K],
        bits: weight.grid.bits,
        groupSize: weight.grid.groupSize,
        byteLength: bytes[0] ?? 0,
      });
    },
  };
}
