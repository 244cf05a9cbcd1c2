/**
 * A stand-in for Cloudflare's API on loopback, which the real wrangler calls. It has one account, keeps what wrangler
 * creates, runs the queries of D1 in SQLite, and can fail at each call. A call that it does not know is kept in
 * `unknown`: a test that ends with one fails.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { listen } from "../e2e/listen.ts";
import { accountRoutes } from "./vendor-account.ts";
import { VendorDatabases } from "./vendor-databases.ts";
import { type Answer, type Call, type Routes, TOKEN, VendorError } from "./vendor-route.ts";
import { VendorWorkers } from "./vendor-workers.ts";

interface Fault {
  route: string;
  error: VendorError;
  /** How many calls are let through first. */
  after: number;
}

export class Vendor {
  readonly databases: VendorDatabases;
  readonly workers: VendorWorkers;
  /** Each call so far, as `METHOD /path`. */
  readonly calls: string[] = [];
  /** The calls that the stand-in does not know. */
  readonly unknown: string[] = [];
  readonly #faults: Fault[] = [];
  readonly #routes: [RegExp, string, Routes[string]][];
  readonly #server: Server;
  #origin = "";

  /** @param folder for the files of the databases */
  static async open(folder: string): Promise<Vendor> {
    const vendor = new Vendor(folder);
    vendor.#origin = `http://127.0.0.1:${await listen(vendor.#server, "127.0.0.1")}`;
    return vendor;
  }

  private constructor(folder: string) {
    this.databases = new VendorDatabases(folder);
    this.workers = new VendorWorkers();
    const routes = { ...accountRoutes(), ...this.databases.routes(), ...this.workers.routes() };
    this.#routes = Object.entries(routes).map(([route, handle]) => {
      const pattern = route.replaceAll(/[.?]/g, "\\$&").replaceAll("*", "([^/]+)");
      return [new RegExp(`^${pattern}$`), route, handle];
    });
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** What wrangler needs to call the stand-in in place of Cloudflare. */
  get environment(): Record<string, string> {
    return { CLOUDFLARE_API_BASE_URL: `${this.#origin}/client/v4`, CLOUDFLARE_API_TOKEN: TOKEN };
  }

  /** From now on a call fails, after it was let through `after` times. */
  fail(route: string, error: VendorError, after = 0): void {
    this.#faults.push({ route, error, after });
  }

  /** Ends every fault. */
  recover(): void {
    this.#faults.length = 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.databases.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", headers } = request;
    const url = new URL(request.url ?? "/", this.#origin);
    const call = `${method} ${decodeURIComponent(url.pathname).replace("/client/v4", "")}`;
    this.calls.push(call);
    const body = await buffer(request);
    try {
      const answer = await this.#answer(call, { query: url.searchParams, headers, body, origin: this.#origin });
      if ("bare" in answer) {
        response.writeHead(200, answer.headers).end(answer.bare);
        return;
      }
      const { result, status = 200, resultInfo } = answer;
      send(response, status, { success: true, errors: [], messages: [], result, result_info: resultInfo });
    } catch (error) {
      if (!(error instanceof VendorError)) this.unknown.push(`${call}: ${error}`);
      const { status, code, message } = error instanceof VendorError ? error : new VendorError(500, 1, String(error));
      send(response, status, { success: false, errors: [{ code, message }], messages: [], result: null });
    }
  }

  async #answer(call: string, rest: Omit<Call, "params">): Promise<Answer> {
    for (const [pattern, route, handle] of this.#routes) {
      const match = pattern.exec(call);
      if (match === null) continue;
      const isOpen = route.includes(" /signed/") || route.includes("/workers/assets/upload");
      if (!isOpen && rest.headers.authorization !== `Bearer ${TOKEN}`)
        throw new VendorError(401, 10000, "Authentication error");
      const fault = this.#faults.find((fault) => fault.route === route);
      if (fault !== undefined && fault.after-- <= 0) throw fault.error;
      return await handle({ ...rest, params: match.slice(1) });
    }
    this.unknown.push(call);
    throw new VendorError(400, 7003, `the stand-in does not know ${call}`);
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
