import { createEffect, createSignal, onCleanup, Show } from "solid-js";
import { AgentName } from "../agents/AgentName.tsx";
import type { Agent } from "../agents/agent.ts";
import { Losses } from "../agents/losses.ts";
import { readableName } from "../agents/name.ts";
import { describePresence } from "../agents/presence.ts";
import { rescueFocus } from "../components/focus.ts";
import { formatCount } from "../components/format.ts";
import { Icon } from "../components/Icon.tsx";
import { notify } from "../notifications.ts";
import { go } from "../router.ts";
import { useLiveView } from "../useLive.ts";
import { useLookedAt } from "./lookedAt.ts";
import { setUnseenLosses, unseenLosses } from "./unseen.ts";

/** So long is it shown while somebody looks. */
const showForMs = 12_000;

/** Announces agents that are lost, on the page and, while nobody looks at it, outside of it. */
export function LostAgents() {
  const live = useLiveView();
  const lookedAt = useLookedAt();
  const [lost, setLost] = createSignal<readonly Agent[]>([]);
  const single = () => (lost().length === 1 ? lost()[0] : undefined);
  const href = () => placeOf(lost());

  const losses = new Losses((agents) => {
    setLost((before) => [...before.filter(({ id }) => !agents.some((agent) => agent.id === id)), ...agents]);
    if (lookedAt()) return;
    setUnseenLosses((count) => count + agents.length);
    notify(titleOf(lost()), wordsOf(lost()), () => go(placeOf(lost())));
  });
  live.subscribe((changes) => losses.apply(changes));
  onCleanup(() => {
    losses.stop();
    setUnseenLosses(0);
  });

  createEffect(() => {
    if (lookedAt()) setUnseenLosses(0);
  });
  createEffect(() => {
    // A file, because the Content-Security-Policy allows no data: URLs. The number is in the title.
    const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    icon?.setAttribute("href", unseenLosses() === 0 ? "/favicon.svg" : "/favicon-lost.svg");
  });

  let toast!: HTMLParagraphElement;
  const dismiss = () => {
    setLost([]);
    queueMicrotask(rescueFocus);
  };
  // It waits until somebody looks, and stays while they are about to use it.
  createEffect(() => {
    if (lost().length === 0 || !lookedAt()) return;
    const timer = setInterval(() => {
      if (!toast.matches(":hover, :focus-within")) setLost([]);
    }, showForMs);
    onCleanup(() => clearInterval(timer));
  });

  return (
    <Show when={lost().length > 0}>
      <p class="toast bad" ref={toast}>
        <strong>{titleOf(lost())}</strong>
        <a class="link cut" href={href()}>
          <Show when={single()} fallback="Show them">
            {(agent) => <AgentName agent={agent()} />}
          </Show>
        </a>
        <button class="button quiet toast-close" type="button" aria-label="Close" onClick={dismiss}>
          <Icon name="close" />
        </button>
      </p>
    </Show>
  );
}

function titleOf(lost: readonly Agent[]): string {
  return lost.length === 1 ? "Agent lost" : `${formatCount(lost.length)} agents lost`;
}

/** A notification has no room for more than the first. */
function wordsOf(lost: readonly Agent[]): string {
  const [first] = lost;
  if (first === undefined) return "";
  return lost.length === 1
    ? `${readableName(first)}: ${describePresence(first)}`
    : `${readableName(first)} and ${formatCount(lost.length - 1)} more`;
}

/** Where the agents are shown: the page of the only one, or all that are in trouble. */
function placeOf(lost: readonly Agent[]): string {
  const [first] = lost;
  return first !== undefined && lost.length === 1 ? `/agents/${encodeURIComponent(first.id)}` : "/agents?show=trouble";
}
