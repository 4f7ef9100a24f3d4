/**
 * The operation that tells how an error changes with the scales.
 *
 * @module
 */

import type { AffineGrid, InputMoment, Ops } from "../../core/backend.ts";
import type { Tensor } from "../../core/tensor.ts";
import { Checks } from "./checks.ts";
import type { NativeSession } from "./session.ts";

/** Makes it on a session's library. */
export function gradientOps(session: NativeSession): Pick<Ops, "scaleGradient"> {
  return {
    async scaleGradient(
      w: Tensor,
      moment: InputMoment,
      grid: AffineGrid,
      s: Float32Array,
    ): Promise<{ loss: number; gradient: Float64Array }> {
      const checks: Checks = new Checks(session, "scaleGradient");
      const weight = checks.floats(w, "w");
      const { columns: K } = checks.matrix(weight, "w");
      const numbers = checks.grid(grid, K);
      const inputs = checks.moment(moment, K);
      checks.length(s, "s", K);
      const gradient = new Float64Array(K);
      const losses = new Float64Array(1);
      const rows = inputs.tensor.shape[0] ?? 0;
      const work = weight.size * (inputs.kind === 0 ? rows : 2 * rows);
      const uses = [weight.owned, inputs.tensor.owned];
      await session.call("salient_scale_gradient", { operation: "scaleGradient", work, uses }, [
        weight.owned.value,
        inputs.tensor.owned.value,
        inputs.kind,
        Float64Array.of(inputs.weight),
        numbers,
        Float32Array.from(s),
        gradient,
        K,
        losses,
      ]);
      return { loss: losses[0] ?? NaN, gradient };
    },
  };
}
