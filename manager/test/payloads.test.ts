/** Payloads arrive unaltered on every path: docs/PROTOCOL.md "Payloads". */
import { beforeAll, describe, expect, it } from "vitest";
import payloads from "../../docs/vectors/payloads.json" with { type: "json" };
import { BASIC, fetchManager, TestAgent } from "./manager.ts";

let agent: TestAgent;
beforeAll(async () => {
  ({ agent } = await TestAgent.enrolled());
  expect((await agent.request("agent.subscribe", { patterns: ["fleet.>"] })).error).toBeUndefined();
});

/** Sends a body as text, unaltered. */
async function post(path: string, body: string, type = "application/json"): Promise<[number, string]> {
  const headers = { Authorization: BASIC, "Content-Type": type };
  const response = await fetchManager(path, { method: "POST", headers, body });
  return [response.status, await response.text()];
}

/** The text of the next frame with this subject. */
function nextText(subject: string): Promise<string> {
  return new Promise((resolve) => {
    const listen = (event: MessageEvent) => {
      const text = String(event.data);
      if (JSON.parse(text).subject !== subject) return;
      agent.socket.removeEventListener("message", listen);
      resolve(text);
    };
    agent.socket.addEventListener("message", listen);
  });
}

const path = () => `/api/agents/${agent.id}/request`;

describe.each(payloads.unaltered)("$name", ({ data }) => {
  it("goes to an agent and back", async () => {
    const asked = nextText("pass.on");
    const answered = post(path(), `{ "data" : ${data} , "subject":"pass.on"}`);
    const text = await asked;
    expect(text).toContain(`"data":${data},"timestamp":`);
    agent.sendText(`{"subject":"${JSON.parse(text).reply}","data":${data}}`);
    expect(await answered).toEqual([200, `{"data":${data}}`]);
  });

  it("is echoed", async () => {
    const inbox = `inbox.${agent.connection}.echo`;
    const echoed = nextText(inbox);
    agent.sendText(`{"subject":"test.echo","reply":"${inbox}","data":${data}}`);
    expect(await echoed).toContain(`"data":${data},"timestamp":`);
  });

  it("is published", async () => {
    const published = nextText("fleet.pass.on");
    expect(await post("/api/publish", `{"subject":"fleet.pass.on","data":${data}}`)).toMatchObject([200, {}]);
    expect(await published).toContain(`"data":${data},"timestamp":`);
  });
});

describe("a body", () => {
  const nested = payloads.nested.map(({ open, close, depth, ...vector }) => ({
    name: `${open} nested ${depth} times`,
    data: `${open.repeat(depth)}0${close.repeat(depth)}`,
    code: "error" in vector ? "invalid_request" : undefined,
  }));
  const refused = payloads.refused.map(({ name, data, error }) => ({ name, data, code: error }));

  it.each([...refused, ...nested.filter(({ code }) => code !== undefined)])(
    "is refused: $name",
    async ({ data, code }) => {
      for (const to of [path(), "/api/publish"]) {
        const [status, text] = await post(to, `{"subject":"fleet.never","data":${data}}`);
        expect([status, JSON.parse(text).error.code]).toEqual([400, code]);
      }
    },
  );

  it("with data of the maximum depth is sent", async () => {
    const data = `${"[".repeat(512)}${"]".repeat(512)}`;
    const asked = nextText("pass.on");
    const answered = post(path(), `{"subject":"pass.on","data":${data}}`);
    agent.send({ subject: JSON.parse(await asked).reply });
    expect(await answered).toEqual([200, "{}"]);
  });

  it.each([
    ["[1]", 400, "invalid_request"],
    ['"text"', 400, "invalid_request"],
    ["null", 400, "invalid_request"],
    ['{"subject":7}', 400, "invalid_request"],
    ['{"subject":"a.b","timeoutMs":1.5}', 400, "invalid_request"],
    ['{"subject":"a.b","Data":1}', 400, "invalid_request"],
    ['{"subject":"a.b","__proto__":1}', 400, "invalid_request"],
    ["", 400, "invalid_json"],
    ['{"subject":"a.b"} x', 400, "invalid_json"],
  ])("is refused: %s", async (body, status, code) => {
    const [got, text] = await post(path(), body);
    expect([got, JSON.parse(text).error.code]).toEqual([status, code]);
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", ""])("of the type %j is refused", async (type) => {
    expect((await post(path(), '{"subject":"a.b"}', type))[0]).toBe(415);
  });

  it.each([[[0xff]], [[0xc3, 0x28]], [[0xed, 0xa0, 0x80]]])("whose data is not UTF-8: %j", async (bytes) => {
    const text = new TextEncoder();
    const body = new Uint8Array([...text.encode('{"subject":"fleet.a","data":"'), ...bytes, ...text.encode('"}')]);
    const headers = { Authorization: BASIC, "Content-Type": "application/json" };
    const response = await fetchManager("/api/publish", { method: "POST", headers, body });
    expect([response.status, await response.json()]).toMatchObject([400, { error: { code: "invalid_json" } }]);
  });

  it("of another JSON type is accepted", async () => {
    const [status] = await post("/api/publish", '{"subject":"fleet.a"}', "application/vnd.x+json; charset=utf-8");
    expect(status).toBe(200);
  });
});

describe("a reply that cannot be read", () => {
  it.each([
    ["nested too deep", (inbox: string) => `{"subject":"${inbox}","data":${"[".repeat(513)}${"]".repeat(513)}}`],
    ["with data and an error", (inbox: string) => `{"subject":"${inbox}","data":1,"error":{"code":"a","message":"b"}}`],
    ["with an error of the wrong form", (inbox: string) => `{"subject":"${inbox}","error":"failed"}`],
    ["with a timestamp of the wrong form", (inbox: string) => `{"subject":"${inbox}","data":1,"timestamp":"now"}`],
  ])("%s ends the request at once", async (_, reply) => {
    const asked = nextText("bad.reply");
    const answered = post(path(), '{"subject":"bad.reply","timeoutMs":60000}');
    agent.sendText(reply(JSON.parse(await asked).reply));
    const [status, text] = await answered;
    expect([status, JSON.parse(text).error.code]).toEqual([502, "invalid_message"]);
  });
});

describe("an error in an agent's reply", () => {
  it.each(["timeout", "payload_too_large", "disconnected", "invalid_subject", "forbidden", "unknown_agent", "busy"])(
    "%s does not pass for the manager's own",
    async (code) => {
      const asked = nextText("fail.me");
      const answered = post(path(), '{"subject":"fail.me"}');
      agent.send({ subject: JSON.parse(await asked).reply, error: { code, message: "by the agent" } });
      expect(await answered).toEqual([502, `{"error":{"code":"${code}","message":"by the agent"}}`]);
    },
  );

  it("is answered with 503 if its code is no_responders: the agent has no handler", async () => {
    const asked = nextText("fail.me");
    const answered = post(path(), '{"subject":"fail.me"}');
    agent.send({ subject: JSON.parse(await asked).reply, error: { code: "no_responders", message: "none" } });
    expect((await answered)[0]).toBe(503);
  });
});
