/** Packs messages into frames of `live.batch`: docs/API.md "Changes". */
import { MAX_DEPTH, readObject } from "./json.ts";
import { byteLength, encode } from "./message.ts";

/** A frame and its length in bytes of UTF-8. */
export interface Frame {
  readonly text: string;
  readonly bytes: number;
}

/** A batch nests each of its messages in an array and an object. */
const ADDED_DEPTH = 2;

/**
 * Packs encoded messages into as few frames as their order allows. A message that is alone in its frame goes as it is.
 * @param maxBytes the limit of a frame. A single message over the limit becomes a frame over the limit
 */
export function pack(messages: readonly string[], maxBytes: number): Frame[] {
  // Each message is counted with a comma, but the first one has none.
  const emptyBytes = byteLength(batch([])) - 1;
  const frames: Frame[] = [];
  let group: string[] = [];
  let groupBytes = emptyBytes;
  const endGroup = () => {
    const [first] = group;
    if (first === undefined) return;
    const text = group.length === 1 ? first : batch(group);
    frames.push({ text, bytes: byteLength(text) });
    group = [];
    groupBytes = emptyBytes;
  };
  for (const message of messages) {
    const bytes = byteLength(message) + 1;
    const isDeep = isTooDeep(message);
    if (isDeep || groupBytes + bytes > maxBytes) endGroup();
    group.push(message);
    groupBytes += bytes;
    if (isDeep) endGroup();
  }
  endGroup();
  return frames;
}

function batch(messages: readonly string[]): string {
  return encode("live.batch", { dataJson: `[${messages.join(",")}]` });
}

/** Whether a batch with this message would be nested deeper than a frame may be. */
function isTooDeep(message: string): boolean {
  const deepest = MAX_DEPTH - ADDED_DEPTH;
  // A shorter text cannot have enough brackets.
  if (message.length < 2 * deepest) return false;
  const fields = readObject(message);
  return typeof fields !== "string" && [...fields.values()].some(({ depth }) => depth > deepest);
}
