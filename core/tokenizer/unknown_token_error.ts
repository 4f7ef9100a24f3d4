/** A text that no token stands for, where there is no token for unknown text. */
export class UnknownTokenError extends Error {
  /** The text. */
  readonly token: string;

  /** Keeps the text. */
  constructor(token: string) {
    super("there is no token for a text");
    this.token = token;
  }
}
