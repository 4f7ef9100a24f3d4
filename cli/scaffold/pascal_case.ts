/**
 * Names of types.
 *
 * @module
 */

/** `my-plugin` as `MyPlugin`. */
export function pascalCase(name: string): string {
  return name.split("-").map((word) => (word[0] ?? "").toUpperCase() + word.slice(1)).join("");
}
