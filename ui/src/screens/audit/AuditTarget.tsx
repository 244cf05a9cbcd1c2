import { Match, Show, Switch } from "solid-js";
import { AgentName } from "../../agents/AgentName.tsx";
import { shortId } from "../../agents/name.ts";
import { useLiveView } from "../../useLive.ts";
import type { AuditEntry } from "./audit.ts";

/** What an action was done to, with a link to it if there is a place that shows it. */
export function AuditTarget(props: { entry: AuditEntry & { readonly target: string } }) {
  const live = useLiveView();
  const id = () => props.entry.target;
  const kind = () => props.entry.action.split(".")[0];
  return (
    <Switch fallback={<bdi>{id()}</bdi>}>
      <Match when={kind() === "agent"}>
        <Show
          when={live.agent(id())}
          fallback={
            <span class="audit-id muted" title={id()}>
              agent {shortId(id())}
            </span>
          }
        >
          {(agent) => (
            <a class="link" href={`/agents/${encodeURIComponent(id())}`} title={id()}>
              <AgentName agent={agent()} />
            </a>
          )}
        </Show>
      </Match>
      <Match when={kind() === "token"}>
        <a class="link audit-id" href={`/tokens?token=${encodeURIComponent(id())}`} title={id()}>
          token {shortId(id())}
        </a>
      </Match>
    </Switch>
  );
}
