/**
 * A linear as plugins see it.
 *
 * @module
 */

import type { InputMoment } from "../backend.ts";
import type { InputStatistics, LinearView } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import type { EditedLinear } from "./edited_linear.ts";
import type { LentTensors } from "./lent_tensors.ts";
import type { SiteStatistics } from "./statistics.ts";

/** The linear as it is whenever it is looked at; its tensors are lent. */
export function viewLinear(
  linear: EditedLinear,
  statistics: SiteStatistics | undefined,
  lent: LentTensors,
): LinearView {
  const { name } = linear.info;
  return {
    ...linear.info,
    get weight(): Tensor {
      return lent.lend(linear.weight, `the weight of ${name}`);
    },
    get bias(): Tensor | undefined {
      return linear.bias && lent.lend(linear.bias, `the bias of ${name}`);
    },
    get statistics(): InputStatistics {
      return statistics === undefined ? { tokens: 0 } : lent.lendStatistics(statistics.view, name);
    },
    get moment(): InputMoment | undefined {
      return statistics?.moment && lent.lendMoment(statistics.moment, name);
    },
  };
}
