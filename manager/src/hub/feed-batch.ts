/** Collects the messages of the feed into batches: docs/API.md "Changes". */
import { CREDIT_WINDOW } from "./credit.ts";

/** Items that are added within this time after something was sent are sent together at its end. */
const TOGETHER_MS = 250;
/**
 * The limit of all waiting frames, in UTF-16 units. More would not fit into a viewer's credit window anyway. So a flood
 * of messages takes little memory.
 */
const MOST_WAITING = CREDIT_WINDOW.bytes;

/**
 * The runtime does not hibernate a hub with a timer, so nothing that waits is lost. There is a timer only while something waits,
 * because Cloudflare bills for its time.
 */
export class FeedBatch<Item extends { readonly frame: string }> {
  readonly #send: (items: readonly Item[]) => void;
  /** In the order in which they came. */
  readonly #waiting = new Map<unknown, Item>();
  #waitingLength = 0;
  /** When something was sent last; Unix milliseconds. */
  #sentAt = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(send: (items: readonly Item[]) => void) {
    this.#send = send;
  }

  /** The item with this key that waits. */
  waiting(key: unknown): Item | undefined {
    return this.#waiting.get(key);
  }

  /** Sends the item now or soon. It replaces a waiting item with the same key, and goes to the end of the batch. */
  add(key: unknown, item: Item): void {
    this.#waiting.delete(key);
    this.#waiting.set(key, item);
    this.#waitingLength += item.frame.length;
    const elapsed = Date.now() - this.#sentAt;
    const isTogether = elapsed >= 0 && elapsed < TOGETHER_MS;
    if (!isTogether || this.#waitingLength >= MOST_WAITING) this.#sendWaiting();
    else this.#timer ??= setTimeout(() => this.#sendWaiting(), TOGETHER_MS - elapsed);
  }

  #sendWaiting(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const items = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#waitingLength = 0;
    this.#sentAt = Date.now();
    this.#send(items);
  }
}
