import { Child, type ChildOptions } from "./child.ts";

/** The processes that a script has started, in that order; stopped last one first. */
export class Stack {
  readonly #children: Child[] = [];
  readonly #afterwards: (() => Promise<void>)[] = [];
  #stopping = false;

  /** Starts a process. Throws once the stack is being stopped. */
  start(options: ChildOptions): Child {
    if (this.#stopping) throw new Error("the stack is being stopped");
    const child = new Child(options);
    this.#children.push(child);
    return child;
  }

  /** Ends every process and whatever those started; agents before the manager, so that they can say goodbye. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const child of this.#children.toReversed()) await child.stop();
    for (const tidy of this.#afterwards) await tidy();
  }

  /** Has something done once every process has ended. */
  onStopped(tidy: () => Promise<void>): void {
    this.#afterwards.push(tidy);
  }
}
