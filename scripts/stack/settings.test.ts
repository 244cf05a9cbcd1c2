import { resolve } from "node:path";
import { expect, test } from "vitest";
import { agentRunCommand, agentUrls, readSettings } from "./settings.ts";

test("unset and empty variables get the default", () => {
  const settings = readSettings({});
  expect(settings).toMatchObject({ host: "127.0.0.1", port: 8787, managerUrl: "http://127.0.0.1:8787", maxRetries: 0 });
  expect(settings.stateDir).toBe(resolve(".zedops/agent"));
  expect(readSettings({ PORT: "", TOKEN: "", STATE_DIR: "" })).toEqual(settings);
});

test("SUBSCRIBE is a list of patterns, and may be empty", () => {
  expect(readSettings({}).subscribe).toEqual(["fleet.>", "agents.self.>"]);
  expect(readSettings({ SUBSCRIBE: " fleet.a  fleet.b " }).subscribe).toEqual(["fleet.a", "fleet.b"]);
  expect(readSettings({ SUBSCRIBE: "" }).subscribe).toEqual([]);
});

test("the manager's URL and the agent's state follow the port and the data directory", () => {
  const settings = readSettings({ PORT: "9000", DATA_DIR: "/elsewhere" });
  expect(settings).toMatchObject({ managerUrl: "http://127.0.0.1:9000", stateDir: "/elsewhere/agent" });
});

test.for([
  ["0.0.0.0", "http://127.0.0.1:8787"],
  ["::", "http://[::1]:8787"],
  ["10.0.0.5", "http://10.0.0.5:8787"],
] as const)("a manager that listens on %s is dialled at %s", ([host, url]) => {
  expect(readSettings({ HOST: host }).managerUrl).toBe(url);
});

test.for(["0", "65536", "http", "80 80", "-1"])("PORT=%s is refused", (port) => {
  expect(() => readSettings({ PORT: port })).toThrow("PORT must be a whole number from 1 to 65535");
});

test("a manager for this machine alone has no URL for agents elsewhere", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "localhost", "::1"]) expect(agentUrls({ host, port: 1 })).toEqual([]);
  expect(agentUrls({ host: "10.0.0.5", port: 8787 })).toEqual(["http://10.0.0.5:8787"]);
  for (const url of agentUrls({ host: "0.0.0.0", port: 8787 })) {
    expect(url).toMatch(/^http:\/\/(?!127\.)[\d.]+:8787$/);
  }
});

test("the command for an agent in another terminal carries the settings that find this manager", () => {
  expect(agentRunCommand({ PORT: "", TOKEN: "secret" })).toBe("make agent-run");
  expect(agentRunCommand({ PORT: "9000", DATA_DIR: "/my data/x'y" })).toBe(
    "make agent-run PORT=9000 'DATA_DIR=/my data/x'\\''y'",
  );
});
