/** A subscription that ends when it is disposed of. */
export interface Watch extends Disposable {
  /** Settles when no event can be missed any more, or when it is clear that none will be reported. Never rejects. */
  readonly ready: Promise<void>;
}
