import { createSignal, createUniqueId, For, Show } from "solid-js";
import { ConfirmDialog } from "../../components/ConfirmDialog.tsx";
import { useDialogs } from "../../components/dialogs.tsx";
import { formatCount } from "../../components/format.ts";
import { useLiveView } from "../../useLive.ts";
import { drain } from "./maintenance.ts";
import { Section } from "./Section.tsx";
import "./Drain.css";

/** The limit of docs/API.md, in seconds. */
const longestDelay = 600;

export function Drain() {
  const open = useDialogs();
  const live = useLiveView();
  const [hub, setHub] = createSignal("");
  const [delay, setDelay] = createSignal(0);
  const [hubId, delayId] = [createUniqueId(), createUniqueId()];

  const ask = (event: SubmitEvent) => {
    event.preventDefault();
    const order = { delayMs: delay() * 1_000, ...(hub() !== "" && { shard: Number(hub()) }) };
    const { online } = live.counts();
    open((close) => (
      <ConfirmDialog
        title={hub() === "" ? "Drain all hubs?" : `Drain hub ${hub()}?`}
        action="Drain"
        danger
        act={() => drain(order)}
        success={(drained) =>
          drained === 1 ? "1 agent was told to come back." : `${formatCount(drained)} agents were told to come back.`
        }
        onClose={close}
      >
        <p>
          {hub() === ""
            ? `Every connection is closed: ${formatCount(online)} ${online === 1 ? "agent is" : "agents are"} online.`
            : `Every connection of hub ${hub()} is closed.`}{" "}
          The agents come back by themselves, the first of them{" "}
          {delay() === 0 ? "at once" : `after ${formatCount(delay())} s`}, the others one after the other within a
          minute. Until then they are offline · manager restart, and requests to them fail.
        </p>
      </ConfirmDialog>
    ));
  };

  return (
    <Section title="Drain">
      <p class="muted">Closes the agents’ connections, and tells each agent when to come back.</p>
      <form class="drain" onSubmit={ask}>
        <Show when={live.state.hubs > 1}>
          <div class="field">
            <label for={hubId}>Hub</label>
            <select id={hubId} value={hub()} onChange={(event) => setHub(event.currentTarget.value)}>
              <option value="">All hubs</option>
              <For each={Array.from({ length: live.state.hubs }, (_, shard) => shard)}>
                {(shard) => <option value={shard}>Hub {shard}</option>}
              </For>
            </select>
          </div>
        </Show>
        <div class="field">
          <label for={delayId}>Delay in seconds</label>
          <input
            id={delayId}
            type="number"
            inputmode="numeric"
            required
            min={0}
            max={longestDelay}
            step={1}
            value={delay()}
            onInput={(event) => setDelay(event.currentTarget.valueAsNumber || 0)}
          />
        </div>
        <button class="button" type="submit">
          Drain…
        </button>
      </form>
    </Section>
  );
}
