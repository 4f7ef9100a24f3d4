/**
 * Failures after which a cached snapshot may serve.
 *
 * @module
 */

/** The cause of an error where the hub gave no answer, or none that it meant (429, 500 and above). */
export class Unreachable extends Error {
  /** For reports. */
  override name = "Unreachable";
}
