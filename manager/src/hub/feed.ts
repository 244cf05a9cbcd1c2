/** The live feed of one hub: docs/API.md "Live feed". */
import type { Settings } from "../config.ts";
import type { LiveStatus } from "../presence/presence.ts";
import type { Viewer } from "../registry/viewer-header.ts";
import type { Sockets } from "./connection.ts";
import type { HeartbeatWindow } from "./heartbeat-window.ts";

/** The tag of every viewer's socket. A socket of an agent has its connection id in the first place. */
export const VIEWER_TAG = "viewer";

export interface FeedParts {
  readonly settings: Settings;
  readonly window: HeartbeatWindow;
  readonly sockets: Sockets;
  /** When this session ends if nobody uses it; null if it is over. Asks the registry. */
  readonly sessionEnd: (idHash: string) => Promise<number | null>;
  /** The hash of the present admin password, as in {@link Viewer}. */
  readonly passwordHash: () => Promise<string>;
}

/** A change in the registry, as the `data` of a `registry.` message. */
export type RegistryChange =
  | { readonly change: string; readonly revision: number; readonly agentJson: string | null }
  | { readonly change: "flapping"; readonly flappingUntil: number };

export declare class Feed {
  constructor(parts: FeedParts);
  /** Opens a viewer's socket: 101, or 429 if there are too many. */
  open(viewer: Viewer): Response;
  /** Whether the socket is a viewer's. */
  owns(socket: WebSocket): boolean;
  /** Sends an agent's presence to every viewer. */
  presence(live: LiveStatus): void;
  /** Sends a change in the registry to every viewer. */
  registry(agentId: string, change: RegistryChange): void;
  /** Sends a publication to the viewers that watch its subject. `dataJson` is its payload. */
  published(subject: string, dataJson: string | undefined): void;
  receive(socket: WebSocket, frame: string | ArrayBuffer): void;
  /** The socket is closed at both ends, or broken. */
  forget(socket: WebSocket): void;
  /** Closes the sockets of a session, or of all sessions if it is null. */
  endSessions(idHash: string | null): void;
  /** Closes every socket: the hubs have changed. */
  closeAll(): void;
  /** Closes the sockets whose lease, session or password is over. Returns when to look again; null if there is no viewer. */
  sweep(now: number): Promise<number | null>;
}
