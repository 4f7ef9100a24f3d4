/**
 * What the hub answered, below an error.
 *
 * @module
 */

/** The cause of an error that the hub's answer, or the lack of one, was the reason of. */
export class HubStatus extends Error {
  /** For reports. */
  override name = "HubStatus";
  /** The status; undefined where there was no answer. */
  readonly status: number | undefined;

  /** Takes the status, or nothing and what the system said. */
  constructor(status: number | undefined, cause?: unknown) {
    super(status === undefined ? "no answer" : `status ${status}`, { cause });
    this.status = status;
  }

  /** Whether the hub cannot serve now, rather than will not: a cached snapshot may do. */
  get isAway(): boolean {
    return this.status === undefined || this.status === 429 || this.status >= 500;
  }
}
