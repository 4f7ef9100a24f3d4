/**
 * For authors of plugins: the conformance suite that Salient's own plugins pass.
 *
 * @module
 */

export type { Backend, MappedFile } from "../backend.ts";
export type { Plugin } from "../plugin.ts";
export { conformance, type ConformanceCase, type ConformanceOptions } from "./conformance.ts";
