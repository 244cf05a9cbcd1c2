import { Child, type ChildOptions } from "./child.ts";

/** The processes that a script has started. They are stopped in reverse order. */
export class Stack {
  readonly #children: Child[] = [];
  readonly #cleanups: (() => Promise<void>)[] = [];
  #stopping = false;

  /** Starts a process. Throws once the stack is being stopped. */
  start(options: ChildOptions): Child {
    if (this.#stopping) throw new Error("the stack is being stopped");
    const child = new Child(options);
    this.#children.push(child);
    return child;
  }

  /** Stops every process and its children; agents before the manager, so that they can tell it that they stop. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const child of this.#children.toReversed()) await child.stop();
    for (const cleanUp of this.#cleanups) await cleanUp();
  }

  /** Registers a function to call when every process has ended. */
  onStopped(cleanUp: () => Promise<void>): void {
    this.#cleanups.push(cleanUp);
  }
}
