/**
 * Where in a block a site is.
 *
 * @module
 */

/**
 * The point of a block at which a site is seen. All experts get their inputs together, at the point `mlp`, where a dense MLP
 * has its own, and their hidden values at the point `mlpHidden`; any other site is a point by itself.
 */
export function pointOf(site: string): string {
  if (site.startsWith("experts.")) return "mlp";
  return site.startsWith("expertsHidden.") ? "mlpHidden" : site;
}
