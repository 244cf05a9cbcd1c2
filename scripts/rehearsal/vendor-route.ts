/** What a call of the stand-in for Cloudflare's API gets and answers. */
import type { IncomingMessage } from "node:http";

export const ACCOUNT = "0123456789abcdef0123456789abcdef";
export const TOKEN = "a-token-of-the-stand-in";

/** A call: its parts of the path that vary, its query, and its body. */
export interface Call {
  params: string[];
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  body: Buffer;
  /** Where the stand-in is reached, for links that wrangler follows. */
  origin: string;
}

/** What a call answers: a result in the vendor's envelope, or a bare answer. */
export type Answer =
  | { result: unknown; status?: number; resultInfo?: unknown }
  | { bare: string; headers?: Record<string, string> };

/** A call's method and path; `*` stands for one part of the path. */
export type Routes = Record<string, (call: Call) => Answer | Promise<Answer>>;

/** An error in the form of Cloudflare's API. */
export class VendorError extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
