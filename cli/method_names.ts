/**
 * The names of the methods that come with Salient. The grammar needs them without loading the library.
 *
 * @module
 */

/** Every method that `--method` and `--methods` know by name. */
export const METHOD_NAMES = ["awq", "gptq", "rtn", "smoothquant"] as const;

/** The name of a method that comes with Salient. */
export type MethodName = typeof METHOD_NAMES[number];
