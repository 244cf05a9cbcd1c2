import { createSignal, onCleanup, Show } from "solid-js";
import { isOnline } from "../agents/agent.ts";
import { readableName } from "../agents/name.ts";
import type { Change, Entry } from "../agents/roster.ts";
import { formatCount } from "../components/format.ts";
import { useLiveView } from "../useLive.ts";

const showForMs = 6_000;

const isUp = (entry: Entry | undefined) => entry !== undefined && isOnline(entry.agent);

/** Announces new agents: those that had never connected, and all that come online if none was. */
export function Arrivals() {
  const live = useLiveView();
  const [message, setMessage] = createSignal<string>();
  /** The names in the present announcement, by id. */
  const announced = new Map<string, string>();
  let { online } = live.roster.counts;
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));

  const arrivals = (changes: readonly Change[]) =>
    changes.flatMap(({ before, after }) => {
      if (after === undefined || !isUp(after) || isUp(before)) return [];
      const isNew = before === undefined || before.agent.reason === "never_connected";
      return online === 0 || isNew ? [after.agent] : [];
    });

  live.subscribe((changes) => {
    // The first reading announces none.
    const arrived = live.state.loaded ? arrivals(changes) : [];
    online = live.roster.counts.online;
    if (arrived.length === 0) return;
    for (const agent of arrived) announced.set(agent.id, readableName(agent));
    const [first] = announced.values();
    setMessage(announced.size === 1 ? first : `${first} and ${formatCount(announced.size - 1)} more`);
    clearTimeout(timer);
    timer = setTimeout(() => {
      announced.clear();
      setMessage(undefined);
    }, showForMs);
  });

  return (
    <Show when={message()}>
      {(who) => (
        <p class="toast good">
          <strong>Agent online ✓</strong>
          <bdi class="cut" title={who()}>
            {who()}
          </bdi>
        </p>
      )}
    </Show>
  );
}
