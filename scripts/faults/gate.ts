/** Holds up whoever wants to pass while it is shut. */
export class Gate {
  #shut: PromiseWithResolvers<void> | undefined;

  shut(): void {
    this.#shut ??= Promise.withResolvers();
  }

  open(): void {
    this.#shut?.resolve();
    this.#shut = undefined;
  }

  /** Resolves at once if it is open, and otherwise when it is next opened. */
  async passage(): Promise<void> {
    await this.#shut?.promise;
  }
}
