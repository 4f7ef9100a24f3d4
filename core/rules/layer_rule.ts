/**
 * Rules that give linears a grid of their own.
 *
 * @module
 */

/**
 * What holds for the linears that a pattern names. Rules are read in order and later ones win, field by
 * field; what no rule says is as the plugin's options say.
 */
export interface LayerRule {
  /**
   * A glob over full names, in which `*` also stands for dots (`*.down_proj`, `model.layers.0.*`,
   * `*.{q,k}_proj`, `model.layers.{0..3}.*`, `!*.mlp.*`), or a role (`down`).
   */
  readonly match: string;
  /** Bits of an integer, 2 to 8. */
  readonly bits?: number;
  /** Inputs that share a scale; -1 for the whole row. */
  readonly groupSize?: number;
  /** Fixed zero point in the middle. */
  readonly symmetric?: boolean;
  /** Leaves the linear plain. A later rule that gives it a grid takes it in again. */
  readonly skip?: boolean;
}

/** A rule, and how often it applied. */
export interface RuleReport {
  /** The rule. */
  readonly rule: LayerRule;
  /** Linears that it names. */
  readonly linears: number;
}
