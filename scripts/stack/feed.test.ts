import { expect, test, vi } from "vitest";
import { WrongPassword } from "./admin.ts";
import { type FeedOptions, followFeed, type Message } from "./feed.ts";
import { UserError } from "./user-error.ts";

const manager = new URL("http://manager.test");
const welcome = {
  ...{ connection: "c1", shards: 1, heartbeatIntervalMs: 30_000, heartbeatDelayMs: 10_000, leaseMs: 40_000 },
  creditBytes: 1_048_576,
};

/** A socket whose other end is the test. */
class FakeSocket extends EventTarget {
  readonly sent: unknown[] = [];
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {}
  say(message: object): void {
    this.sayText(JSON.stringify(message));
  }
  sayText(data: string): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
  end(code: number): void {
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
}

/** Follows the feed of a manager with one hub. */
function follow(options: Partial<FeedOptions> = {}, checkPassword = async () => {}) {
  const sockets: FakeSocket[] = [];
  const messages: Message[] = [];
  const stopping = new AbortController();
  const onLive = vi.fn();
  const openFeed = () => {
    const socket = new FakeSocket();
    sockets.push(socket);
    return socket as unknown as WebSocket;
  };
  const ended = followFeed(
    { openFeed, checkPassword },
    {
      signal: stopping.signal,
      patterns: [],
      onMessage: (message) => messages.push(message),
      onLive,
      onLost: () => {},
      ...options,
    },
  );
  const [socket] = sockets;
  if (socket === undefined) throw new Error("no socket");
  const stop = async () => {
    stopping.abort();
    await ended;
  };
  return { socket, sockets, messages, onLive, ended, stop };
}

test("messages without data are read too, also in a batch, and each frame counts", async () => {
  const { socket, messages, onLive, stop } = follow();
  socket.say({ subject: "live.welcome", data: welcome });
  socket.say({ subject: "live.resync", timestamp: 1 });
  expect(onLive).toHaveBeenCalledTimes(2);
  socket.say({ subject: "fleet.a", timestamp: 2 });
  socket.say({ subject: "live.batch", data: [{ subject: "fleet.b" }, { subject: "fleet.c", data: 1 }], timestamp: 3 });
  expect(messages.map(({ subject }) => subject)).toEqual(["fleet.a", "fleet.b", "fleet.c"]);
  for (let n = 3; n < 64; n++) socket.say({ subject: "fleet.d" });
  expect(socket.sent.at(-1)).toMatchObject({ subject: "live.credit", data: { frames: 64 } });
  await stop();
});

test("a message is told as the text that came, also in a batch", async () => {
  const { socket, messages, stop } = follow();
  const [alone, first, second] = [
    '{"subject":"fleet.a","data":12345678901234567890}',
    '{"subject":"fleet.b","data":{"x":1.0,"x":1e400}}',
    '{"data":[1, 2],"subject":"fleet.c"}',
  ];
  socket.say({ subject: "live.welcome", data: welcome });
  socket.sayText(alone);
  socket.sayText(`{"subject":"live.batch","data":[${first},${second}],"timestamp":3}`);
  expect(messages.map(({ text }) => text)).toEqual([alone, first, second]);
  await stop();
});

test("patterns that the manager refuses end it", async () => {
  const { socket, ended } = follow({ patterns: ["presence.>"] });
  socket.say({ subject: "live.welcome", data: welcome });
  socket.say({ subject: "inbox.c1.1", error: { code: "forbidden", message: "not this one" } });
  await expect(ended).rejects.toThrow(new UserError("the manager refuses the patterns: not this one"));
});

test("a password that is not accepted any more ends it, at the first socket that is refused", async () => {
  const checkPassword = vi.fn(async () => {
    throw new WrongPassword(manager);
  });
  vi.spyOn(Math, "random").mockReturnValue(0);
  const { sockets, ended } = follow({}, checkPassword);
  sockets[0]?.say({ subject: "live.welcome", data: welcome });
  sockets[0]?.end(1006);
  await vi.waitFor(() => expect(sockets).toHaveLength(2), { timeout: 30_000 });
  expect(checkPassword).not.toHaveBeenCalled();
  sockets[1]?.end(1006);
  await expect(ended).rejects.toThrow(WrongPassword);
  expect(sockets).toHaveLength(2);
});
