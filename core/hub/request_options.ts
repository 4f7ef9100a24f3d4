/**
 * How patient requests to the hub are.
 *
 * @module
 */

/** What everything that asks the hub can be told. */
export interface RequestOptions {
  /** Stops it. */
  readonly signal?: AbortSignal | undefined;
  /** Told in a sentence what is waited for, or what is used instead. */
  readonly onNotice?: ((text: string) => void) | undefined;
  /** Times that a request is sent, and a connection taken up again without a byte between. Default 6. */
  readonly attempts?: number | undefined;
  /** Wait before the second attempt, in seconds; it doubles each time. Default 1. */
  readonly backoff?: number | undefined;
  /** Seconds without a byte after which a connection counts as dropped. Default 60. */
  readonly patience?: number | undefined;
}
