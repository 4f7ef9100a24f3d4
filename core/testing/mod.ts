/**
 * For authors of plugins: the conformance suite that Salient's own plugins pass.
 *
 * @module
 */

export { conformance, type ConformanceCase, type ConformanceOptions } from "./conformance.ts";
