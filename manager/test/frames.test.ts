import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { HEARTBEAT } from "../src/protocol/message.ts";
import { agentView, mintToken, TestAgent } from "./manager.ts";

let bystander: TestAgent;
let rows: number;

const agentRows = async () => (await env.DB.prepare("SELECT count(*) AS n FROM agents").first<number>("n")) ?? 0;

beforeAll(async () => {
  ({ agent: bystander } = await TestAgent.enrolled());
});

/** Checks that other agents are still served, and that the registry has lost nothing. */
async function expectUnharmed(agent: TestAgent): Promise<void> {
  expect((await agent.request("test.echo", "still here")).data).toBe("still here");
  expect((await bystander.request("test.echo", "so am I")).data).toBe("so am I");
  expect(bystander.closed).toBeNull();
  expect(await agentRows()).toBe(rows);
}

describe("a bad frame is answered with its code and does not disturb other agents", () => {
  let agent: TestAgent;
  beforeAll(async () => {
    ({ agent } = await TestAgent.enrolled());
    rows = await agentRows();
  });

  it.each<[string, string | ArrayBuffer, string]>([
    ["not JSON", "{nope", "invalid_json"],
    ["empty", "", "invalid_json"],
    ["an array", "[]", "invalid_message"],
    ["null", "null", "invalid_message"],
    ["without subject", '{"data":1}', "invalid_message"],
    ["with a number for a subject", '{"subject":1}', "invalid_message"],
    ["with an invalid subject", '{"subject":"foo..bar"}', "invalid_subject"],
    ["with a wildcard for a subject", '{"subject":"foo.*"}', "invalid_subject"],
    ["binary", new ArrayBuffer(8), "unsupported_frame"],
    ["oversized", JSON.stringify({ subject: "test.echo", data: "x".repeat(65_536) }), "payload_too_large"],
  ])("%s", async (_, frame, code) => {
    agent.frames.length = 0;
    agent.sendText(frame);
    const answer = await agent.next((message) => message.subject === "agent.error");
    expect(answer.error?.code).toBe(code);
    await expectUnharmed(agent);
  });

  it("and the answer goes to the reply inbox if that is valid", async () => {
    const reply = `inbox.${agent.connection}.mine`;
    agent.send({ subject: "a b", reply });
    expect((await agent.next((message) => message.subject === reply)).error?.code).toBe("invalid_subject");
  });
});

it("closes a connection that sends nothing but bad frames", async () => {
  const { agent } = await TestAgent.enrolled();
  for (let n = 0; n < 32; n++) agent.sendText("{");
  expect(await agent.untilClosed()).toEqual({ code: 4400, reason: "policy_violation" });
  expect(await agentView(agent.id)).toMatchObject({ status: "offline", reason: "policy" });
});

describe("subjects", () => {
  let agent: TestAgent;
  beforeAll(async () => {
    ({ agent } = await TestAgent.enrolled());
  });

  it("test.echo answers with the data it got", async () => {
    for (const data of [null, 0, "", [], { a: [1, { b: "ü" }] }]) {
      expect((await agent.request("test.echo", data)).data).toEqual(data);
    }
    expect("data" in (await agent.request("test.echo"))).toBe(false);
  });

  it("an echo that does not fit into a frame is answered with an error", async () => {
    // The reply has a timestamp. So a request just within the limit has a reply above the limit.
    const reply = `inbox.${agent.connection}.a`;
    const bare = JSON.stringify({ subject: "test.echo", reply, data: "" });
    agent.send({ subject: "test.echo", reply, data: "x".repeat(65_536 - bare.length) });
    expect((await agent.next((frame) => frame.subject === reply)).error?.code).toBe("payload_too_large");
  });

  it("the bare heartbeat gets its fixed answer, byte for byte", async () => {
    const texts: string[] = [];
    agent.socket.addEventListener("message", (event) => {
      texts.push(String(event.data));
    });
    agent.sendText(HEARTBEAT);
    await agent.request("test.echo");
    expect(texts[0]).toBe('{"subject":"agent.heartbeat.ack"}');
  });

  it("a heartbeat with data is stored, and its values are shown in the API", async () => {
    agent.send({ subject: "agent.heartbeat", data: { rttMs: 23.5, skewMs: -140 } });
    const ack = await agent.next((frame) => frame.subject === "agent.heartbeat.ack" && frame.data !== undefined);
    expect(ack.data).toEqual({ serverTime: expect.any(Number), leaseMs: 40_000 });
    expect(await agentView(agent.id)).toMatchObject({ rttMs: 23.5, skewMs: -140 });
  });

  it("agent.status is answered with the manager's view of the agent", async () => {
    expect((await agent.request("agent.status")).data).toMatchObject({ agentId: agent.id, status: "online" });
  });

  it("an invalid payload is refused, and the error names the field", async () => {
    const reply = await agent.request("agent.heartbeat", { rttMs: "fast" });
    expect(reply.error).toMatchObject({ code: "invalid_data", message: expect.stringContaining("rttMs") });
  });

  it.each([
    ["agent.unheard.of", "no_responders"],
    ["test.nothing", "no_responders"],
    ["agents.someone.else", "forbidden"],
    ["fleet.all", "forbidden"],
  ])("%s is answered with %s", async (subject, code) => {
    expect((await agent.request(subject)).error?.code).toBe(code);
    agent.frames.length = 0;
    agent.send({ subject });
    expect((await agent.next((frame) => frame.subject === "agent.error")).error?.code).toBe(code);
  });
});

describe("a reply that is no inbox of the connection", () => {
  it.each(["agent.welcome", "agent.error", "foo.bar", "inbox.another.1", "inbox", "fleet.x"])(
    "is refused, and nothing is sent there: %s",
    async (reply) => {
      const { agent } = await TestAgent.enrolled();
      for (const subject of ["test.echo", "agent.status", "agent.heartbeat", "agent.subscribe"]) {
        agent.frames.length = 0;
        agent.send({ subject, reply, data: { patterns: ["fleet.>"] } });
        const { error } = await agent.next((frame) => frame.subject === "agent.error");
        expect(error).toMatchObject({ code: "invalid_data", message: expect.stringContaining("reply") });
        expect((await agent.request("test.echo", 1)).data).toBe(1);
        expect(agent.frames.filter((frame) => frame.subject === reply && frame.error === undefined)).toEqual([]);
      }
    },
  );
});

describe("an unregistered connection", () => {
  it("may only register", async () => {
    const agent = await TestAgent.open({ token: await mintToken() });
    for (const subject of ["test.echo", "agent.status", "agents.x", "agent.heartbeat"]) {
      expect((await agent.request(subject, {})).error?.code).toBe("not_registered");
    }
    expect((await agent.request("agent.register", { protocol: 1 })).error?.code).toBe("invalid_data");
    expect(agent.closed).toBeNull();
  });

  it("is refused and closed if it registers with a protocol that the manager does not speak", async () => {
    const agent = await TestAgent.open({ token: await mintToken() });
    const registration = { protocol: 99, version: "9", os: "linux", arch: "arm64", hostname: "h" };
    expect((await agent.request("agent.register", registration)).error?.code).toBe("unsupported_protocol");
    expect(await agent.untilClosed()).toEqual({ code: 4401, reason: "unauthorized" });
  });
});
