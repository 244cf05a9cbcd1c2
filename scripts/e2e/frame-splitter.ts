/**
 * A unit of one direction of a WebSocket connection that a proxy can forward or hold: the HTTP head, then each frame.
 */
export interface Unit {
  bytes: Buffer;
  kind: "head" | "frame" | "body";
  /** Its text; of a frame, without the mask. */
  text: string;
}

const HEAD_END = "\r\n\r\n";

/** Splits one direction of a WebSocket connection, RFC 6455 without extensions, into its units. */
export class FrameSplitter {
  #rest = Buffer.alloc(0);
  #awaited: Unit["kind"] = "head";

  /** Adds received bytes, and returns the units that are complete now. */
  push(chunk: Buffer): Unit[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const units: Unit[] = [];
    for (let unit = this.#next(); unit !== undefined; unit = this.#next()) units.push(unit);
    return units;
  }

  #next(): Unit | undefined {
    if (this.#awaited === "head") return this.#nextHead();
    if (this.#awaited === "frame") return this.#nextFrame();
    return this.#rest.length > 0 ? this.#unit("body", this.#take(this.#rest.length)) : undefined;
  }

  #nextHead(): Unit | undefined {
    const end = this.#rest.indexOf(HEAD_END);
    if (end < 0) return undefined;
    const head = this.#unit("head", this.#take(end + HEAD_END.length));
    // A refusal has a body instead of frames.
    this.#awaited = /^(GET |HTTP\/1\.1 101 )/.test(head.text) ? "frame" : "body";
    return head;
  }

  #nextFrame(): Unit | undefined {
    const [, second] = this.#rest;
    if (second === undefined) return undefined;
    const marker = second & 0x7f;
    const lengthBytes = marker === 127 ? 8 : marker === 126 ? 2 : 0;
    const maskAt = 2 + lengthBytes;
    const payloadAt = maskAt + (second & 0x80 ? 4 : 0);
    if (this.#rest.length < payloadAt) return undefined;
    // Frames are small: the last six of the eight bytes are enough.
    const read = Math.min(lengthBytes, 6);
    const length = read === 0 ? marker : this.#rest.readUIntBE(maskAt - read, read);
    if (this.#rest.length < payloadAt + length) return undefined;
    const bytes = this.#take(payloadAt + length);
    const mask = bytes.subarray(maskAt, payloadAt);
    return this.#unit(
      "frame",
      bytes,
      bytes.subarray(payloadAt).map((byte, index) => byte ^ (mask[index % 4] ?? 0)),
    );
  }

  #unit(kind: Unit["kind"], bytes: Buffer, plain: Uint8Array = bytes): Unit {
    return { bytes, kind, text: Buffer.from(plain).toString() };
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }
}
