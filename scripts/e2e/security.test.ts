import { expect } from "vitest";
import { test } from "./fixtures.ts";

test("a hostile name is shown as text, and the dashboard violates no rule of its policy", async ({
  lab,
  dashboard,
}) => {
  const { page } = dashboard;
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("dialog", (dialog) => {
    errors.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });

  await lab.startAgent("victim");
  const { id } = await lab.untilStatus("victim", "online");
  const name = `<img src=x onerror=alert(1)>"'&<script>alert(2)</script>`;
  await lab.admin.call("PATCH", `/api/agents/${id}`, JSON.stringify({ name }));
  await page.getByText(name, { exact: true }).first().waitFor();
  expect(await page.locator("img[src=x]").count()).toBe(0);

  await page.reload();
  await page.getByText(name, { exact: true }).first().waitFor();
  expect(errors).toEqual([]);
});

test("the dashboard's files carry a strict policy, and none may be framed", async ({ lab, manager: _ }) => {
  const { headers } = await fetch(`${lab.url}/`);
  const policy = headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain("unsafe");
  expect(headers.get("x-frame-options")).toBe("DENY");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("access-control-allow-origin")).toBeNull();
});

test("browsers keep the dashboard's scripts for a year, and ask for its page each time", async ({
  lab,
  manager: _,
}) => {
  const page = await fetch(`${lab.url}/agents/k3v`);
  expect(page.headers.get("cache-control")).toContain("must-revalidate");
  const [script = ""] = /\/assets\/[^"]+\.js/.exec(await page.text()) ?? [];
  const { headers } = await fetch(lab.url + script);
  expect(headers.get("content-type")).toContain("javascript");
  expect(headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
});

test.for([
  "/download/../../etc/passwd",
  "/..%2f..%2fmanager%2f.dev.vars",
  "/.dev.vars",
  "/%2e%2e/.dev.vars",
  "/assets/../.dev.vars",
])("%s returns no file of the manager", async (path, { lab, manager: _ }) => {
  const response = await fetch(`${lab.url}${path}`);
  const text = await response.text();
  expect(text).not.toContain(lab.password);
  expect(text).not.toMatch(/JWT_SECRET|root:/);
});

test("a client's own CF-Connecting-IP is believed neither by the audit trail nor by the limits", async ({
  lab,
  manager: _,
}) => {
  const logIn = (password: string, address: string) =>
    fetch(`${lab.url}/api/session`, {
      method: "POST",
      headers: { "content-type": "application/json", "cf-connecting-ip": address, "x-forwarded-for": address },
      body: JSON.stringify({ password }),
    });
  expect((await logIn(lab.password, "203.0.113.9")).status).toBe(204);
  const trail = await lab.admin.call("GET", "/api/audit?limit=1");
  expect(trail).toMatchObject([{ action: "session.begin", address: "127.0.0.1" }]);

  const statuses = new Set<number>();
  for (let n = 0; n <= 41; n++) statuses.add((await logIn(`guess ${n}`, `203.0.113.${n}`)).status);
  expect(statuses).toEqual(new Set([401, 429]));
});
