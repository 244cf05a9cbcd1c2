/** Blocks one direction of a path. Whoever wants to pass waits until it is unblocked. */
export class PathBlock {
  #blocked: PromiseWithResolvers<void> | undefined;

  block(): void {
    this.#blocked ??= Promise.withResolvers();
  }

  unblock(): void {
    this.#blocked?.resolve();
    this.#blocked = undefined;
  }

  /** Resolves at once if the path is not blocked, else when it is unblocked. */
  async unblocked(): Promise<void> {
    await this.#blocked?.promise;
  }
}
