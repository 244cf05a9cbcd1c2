import { createEffect, createSignal, on, untrack } from "solid-js";
import { type Agent, isOnline } from "../../agents/agent.ts";
import { useManagerClock } from "../../clock.ts";
import { addReading, type Reading } from "./readings.ts";
import { Trend } from "./Trend.tsx";
import "./Trends.css";

/** How an agent's round trip and clock have changed since this page of it was opened. The manager keeps no past values. */
export function Trends(props: { agent: Agent }) {
  const now = useManagerClock();
  const useReadings = (value: () => number | null) => {
    const [readings, setReadings] = createSignal<readonly Reading[]>([]);
    const present = () => (isOnline(props.agent) ? value() : null);
    createEffect(on(present, (value) => setReadings((before) => addReading(before, { at: untrack(now), value }))));
    return readings;
  };
  const rtt = useReadings(() => props.agent.rttMs);
  const skew = useReadings(() => props.agent.skewMs);

  return (
    <div class="trends">
      <Trend title="Round trip" explanation="From a heartbeat of the agent to the manager’s answer" readings={rtt()} />
      <Trend
        title="Clock skew"
        explanation="The host’s clock minus the manager’s: above zero, the host’s is ahead"
        readings={skew()}
      />
    </div>
  );
}
