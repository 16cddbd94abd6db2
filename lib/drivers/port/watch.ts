/** A subscription that ends when it is disposed of. */
export interface Watch extends Disposable {
  /** Settles when nothing is missed from then on, or when it is clear that nothing will be told. Never rejects. */
  readonly ready: Promise<void>;
}
