/** What a deployed manager must do, seen from outside. */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import { reason } from "../stack/admin.ts";
import { UserError } from "../stack/user-error.ts";
import { type Asset, downloadsOf } from "./assets.ts";

/** A new name on workers.dev is known everywhere after this time. */
const READY_WITHIN_MS = 120_000;
const POLL_MS = 1_000;
const TIMEOUT_MS = 15_000;

/** Waits until the manager serves. */
export async function untilHealthy(url: string, withinMs = READY_WITHIN_MS): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await get(url, "/healthz").catch((error: unknown) => reason(error));
    if (typeof answer !== "string") {
      const text = await answer.text();
      if (answer.ok && text.includes('"status":"ok"')) return;
      // Waiting does not help: a secret or a variable is wrong.
      if (answer.status === 503) throw new UserError(`the manager refuses to serve: ${text}`);
    }
    if (performance.now() > deadline) {
      const why = typeof answer === "string" ? answer : `it answers ${answer.status}`;
      throw new UserError(
        `${url}/healthz does not answer as a manager: ${why}. Run make deploy again, or make rollback`,
      );
    }
    await pause(POLL_MS);
  }
}

/** Looks at the live manager. Returns what is wrong with it. */
export async function findFaults(url: string, assets: readonly Asset[]): Promise<string[]> {
  const downloads = downloadsOf(assets);
  const checks = [
    checkPage(url),
    checkApi(url),
    checkLogIn(url),
    checkUpgrade(url),
    ...downloads.map(({ path, bytes }) => checkDownload(url, path, bytes)),
    ...(downloads.length > 0 ? [checkInstaller(url)] : []),
  ];
  const found = await Promise.all(
    checks.map((check) => check.catch((error: unknown) => [`no answer: ${reason(error)}`])),
  );
  return found.flat();
}

/** Whether the manager offers an installer. */
export async function hasInstaller(url: string): Promise<boolean> {
  const { ok, headers, body } = await get(url, "/install.sh");
  await body?.cancel();
  return ok && !isHtml(headers);
}

async function checkPage(url: string): Promise<string[]> {
  const { status, headers, body } = await get(url, "/");
  await body?.cancel();
  return [
    ...(status === 200 && isHtml(headers) ? [] : [`/ answers ${status} and not the dashboard`]),
    ...missingHeaders("/", headers, [
      ["content-security-policy", /default-src 'none'/],
      ["strict-transport-security", /max-age=/],
      ["x-content-type-options", /nosniff/],
      ["x-frame-options", /DENY/],
      ["referrer-policy", /no-referrer/],
    ]),
  ];
}

async function checkApi(url: string): Promise<string[]> {
  const { status, headers, body } = await get(url, "/api/agents");
  await body?.cancel();
  return [
    ...(status === 401 ? [] : [`/api/agents answers ${status} to a stranger, not 401`]),
    ...missingHeaders("/api/agents", headers, [
      ["content-security-policy", /default-src 'none'/],
      ["cache-control", /no-store/],
      ["strict-transport-security", /max-age=/],
    ]),
  ];
}

async function checkLogIn(url: string): Promise<string[]> {
  const answer = await fetch(new URL("/api/session", url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ password: "" }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await answer.body?.cancel();
  return answer.ok ? ["/api/session logs in without a password"] : [];
}

/** By hand, because a WebSocket does not tell the status that refused it. */
async function checkUpgrade(url: string): Promise<string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const request = new URL(url).protocol === "https:" ? requestHttps : requestHttp;
  const headers = {
    ...{ Connection: "Upgrade", Upgrade: "websocket" },
    ...{ "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": Buffer.alloc(16).toString("base64") },
  };
  const upgrade = request(new URL("/ws", url), { headers, timeout: TIMEOUT_MS });
  upgrade.on("upgrade", (_answer, socket) => {
    socket.destroy();
    resolve(101);
  });
  upgrade.on("response", (answer) => {
    answer.resume();
    resolve(answer.statusCode ?? 0);
  });
  upgrade.on("timeout", () => upgrade.destroy(new Error("timeout")));
  upgrade.on("error", reject);
  upgrade.end();
  const status = await promise;
  return status === 401 ? [] : [`/ws answers ${status} to an upgrade without a token, not 401`];
}

async function checkDownload(url: string, path: string, bytes: number): Promise<string[]> {
  const { status, headers, body } = await get(url, path);
  await body?.cancel();
  const length = headers.get("content-length");
  if (status !== 200 || isHtml(headers)) return [`${path} answers ${status} and not the file`];
  return length === null || headers.has("content-encoding") || Number(length) === bytes
    ? []
    : [`${path} has ${length} bytes, not ${bytes}`];
}

async function checkInstaller(url: string): Promise<string[]> {
  const { status, headers, body } = await get(url, "/install.sh");
  await body?.cancel();
  return status === 200 && !isHtml(headers) ? [] : [`/install.sh answers ${status} and not the installer`];
}

function missingHeaders(path: string, headers: Headers, expected: [string, RegExp][]): string[] {
  return expected
    .filter(([name, value]) => !value.test(headers.get(name) ?? ""))
    .map(([name]) => `${path} has no proper ${name}`);
}

function isHtml(headers: Headers): boolean {
  return (headers.get("content-type") ?? "").includes("text/html");
}

function get(url: string, path: string): Promise<Response> {
  return fetch(new URL(path, url), { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
}
