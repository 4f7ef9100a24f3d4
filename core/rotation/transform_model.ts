/**
 * The step before the blocks, in which plugins may rotate the model.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Model } from "../model/model.ts";
import type { PreparedRun } from "../pipeline/prepare_run.ts";
import type { ModelInfo, ModelView } from "../plugin.ts";
import { OrthogonalMatrix } from "./orthogonal_matrix.ts";
import { RotatedModel } from "./rotated_model.ts";

/** What is needed of a run. */
export type Transformable = Pick<PreparedRun, "model" | "info" | "ops" | "driver">;

/**
 * Runs the plugins' `transformModel` hooks.
 *
 * @param owned Takes the rotated model, which the caller frees after the run.
 * @returns The run, on the rotated model if any plugin rotated it.
 * @throws {SalientError} `plugin` for a matrix that does not fit, `input` for a family that cannot be rotated.
 */
export async function transformModel<T extends Transformable>(
  run: T,
  owned: DisposableStack,
): Promise<T> {
  if (!run.driver.has("transformModel")) return run;
  using editor = new ModelEditor(run);
  await run.driver.transformModel((plugin) => editor.open(plugin));
  const model = await editor.rotate();
  return model === undefined ? run : { ...run, model: owned.use(model) };
}

/** A view that is valid while a hook runs. */
export interface OpenView<T> extends Disposable {
  /** What the hook gets. */
  readonly view: T;
}

/** Collects what plugins do to a model. */
class ModelEditor implements Disposable {
  readonly #run: Transformable;
  readonly #plugins = new Set<string>();
  readonly #heads = new Map<number, OrthogonalMatrix>();
  #residual: OrthogonalMatrix | undefined;
  readonly #stack = new DisposableStack();

  constructor(run: Transformable) {
    this.#run = run;
  }

  /** A view for one plugin's hook; disposing it ends its use. */
  open(plugin: string): OpenView<ModelView> {
    const { model, info } = this.#run;
    const { heads, kvHeads, headDim } = model.config;
    let running = 0;
    let isOpen = true;
    const during = async (name: string, work: () => Promise<void>): Promise<void> => {
      if (!isOpen) {
        throw new SalientError("plugin", `${name} was called after transformModel had ended`);
      }
      running++;
      try {
        await work();
        this.#plugins.add(plugin);
      } finally {
        running--;
      }
    };
    const use = (name: string, work: () => Promise<void>): Promise<void> => {
      const result = during(name, work);
      result.catch(() => {}); // a plugin that does not wait for it must not end the program
      return result;
    };
    return {
      view: {
        ...(info satisfies ModelInfo),
        heads,
        kvHeads,
        headDim,
        rotateResidual: (matrix) => use("rotateResidual", () => this.#rotateResidual(matrix)),
        rotateHeads: (matrix, block) => use("rotateHeads", () => this.#rotateHeads(matrix, block)),
      },
      [Symbol.dispose]: () => {
        isOpen = false;
        if (running === 0) return;
        throw new SalientError("plugin", "transformModel ended before its rotations: await them");
      },
    };
  }

  /** The rotated model, which takes the matrices; undefined if nothing was rotated. */
  async rotate(): Promise<Model | undefined> {
    if (this.#residual === undefined && this.#heads.size === 0) return undefined;
    const { model, ops } = this.#run;
    const plugins = [...this.#plugins].join("+");
    const owned = this.#stack.move();
    const rotation = { residual: this.#residual, heads: this.#heads, plugins, owned };
    return await RotatedModel.create(model, rotation, ops);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  async #rotateResidual(matrix: unknown): Promise<void> {
    const { model } = this.#run;
    refuseBlocks(model, "stream");
    refuseEnds(model);
    const { hiddenSize } = model.config;
    const given = await this.#check(matrix, hiddenSize, "rotateResidual");
    const before = this.#residual;
    this.#residual = before === undefined ? given : this.#own(await before.followedBy(given));
  }

  async #rotateHeads(matrix: unknown, block: number | undefined): Promise<void> {
    const { model } = this.#run;
    refuseBlocks(model, "values");
    const { headDim, blocks } = model.config;
    if (block !== undefined && !(Number.isInteger(block) && block >= 0 && block < blocks)) {
      throw new SalientError("plugin", `rotateHeads got block ${block} of ${blocks}`);
    }
    const given = await this.#check(matrix, headDim, "rotateHeads");
    const wanted = block === undefined ? Array.from({ length: blocks }, (_, i) => i) : [block];
    for (const index of wanted) {
      const before = this.#heads.get(index);
      const both = before === undefined ? given : this.#own(await before.followedBy(given));
      this.#heads.set(index, both);
    }
  }

  /** The backend itself makes the products: the matrices may outlive the run, whose operations end with it. */
  async #check(matrix: unknown, size: number, what: string): Promise<OrthogonalMatrix> {
    return this.#own(await OrthogonalMatrix.create(this.#run.model.backend, matrix, size, what));
  }

  #own(matrix: OrthogonalMatrix): OrthogonalMatrix {
    if (!this.#stack.disposed) return this.#stack.use(matrix);
    matrix[Symbol.dispose]();
    throw new SalientError("plugin", "A rotation ended after its run");
  }
}

/** Refuses a model whose blocks cannot be rotated. */
function refuseBlocks({ family, config, architecture }: Model, what: "stream" | "values"): void {
  const layouts = Array.from({ length: config.blocks }, (_, index) => architecture.block(index));
  if (layouts.some(({ residual }) => residual === undefined)) {
    throw new SalientError(
      "input",
      `Models of the family ${family.name} cannot be rotated: leave the rotation out`,
    );
  }
  if (what === "stream") return;
  const fixed = layouts.some(({ norms, residual }) => {
    return residual?.values === undefined || norms.some(({ role }) => role === residual.values);
  });
  if (fixed || config.heads % config.kvHeads !== 0) {
    throw new SalientError(
      "input",
      `Values of the family ${family.name} cannot be rotated: leave the rotation of heads out`,
    );
  }
}

/** Refuses a model that does more with the stream before and after its blocks than embedding, norm and head. */
function refuseEnds({ family, architecture: { ends } }: Model): void {
  const parts = {
    "scales its embedding": (ends.embeddingScale ?? 1) !== 1,
    "adds learned positions": ends.positions !== undefined,
    "norms or projects its embedding": ends.embeddingNorm !== undefined ||
      ends.projectIn !== undefined || ends.projectOut !== undefined,
    "has no root mean square before its head": ends.finalNorm?.kind !== "rms",
    "has a bias or a factor on its logits": ends.headBias !== undefined ||
      (ends.logitScale ?? 1) !== 1 || (ends.logitSoftcap ?? 0) !== 0,
  };
  const found = Object.entries(parts).find(([, is]) => is)?.[0];
  if (found === undefined) return;
  throw new SalientError(
    "input",
    `Models of the family ${family.name} cannot be rotated, as this one ${found}: leave the rotation out`,
  );
}
