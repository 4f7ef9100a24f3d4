/**
 * What a checkpoint's names begin with.
 *
 * @module
 */

/**
 * The first of `prefixes` under which the checkpoint has `tensor`; the first of all if there is none, whose absence is
 * then told. A model is stored with the name of its inner module before its tensors, or without.
 */
export function tensorPrefix(
  has: (tensor: string) => boolean,
  prefixes: readonly [string, ...string[]],
  tensor: string,
): string {
  return prefixes.find((prefix) => has(prefix + tensor)) ?? prefixes[0];
}
