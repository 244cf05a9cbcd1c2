import { Match, Show, Switch } from "solid-js";
import { agentCommand, isLoopback } from "../../agents/agentCommand.ts";
import { installCommand, useServedAgent } from "../../agents/installer.ts";
import { CopyField } from "../../components/CopyField.tsx";

/** How an agent is started on a host. Where hosts get the binary from is said here and nowhere else. */
export function AgentCommand() {
  const served = useServedAgent();
  return (
    <>
      <Switch>
        <Match when={served()}>
          {(version) => (
            <>
              <CopyField label="Run this on the host, as root" value={installCommand()} />
              <p class="detail">
                It installs release {version()} of the agent as a service. <code>--help</code> lists its options:{" "}
                <code>… | sh -s -- --help</code>.
              </p>
            </>
          )}
        </Match>
        <Match when={served() === null}>
          <CopyField label="Run this on the host" value={agentCommand()} />
          <p class="detail">
            The binary comes from <code>make agent GOOS=… GOARCH=…</code> in the repository; its README has the steps.
          </p>
        </Match>
      </Switch>
      <Show when={isLoopback()}>
        <p class="detail">
          <code>{location.hostname}</code> leads every host to itself: on another host put this manager's own address in
          its place. The manager must listen there: <code>make up HOST=0.0.0.0</code>.
        </p>
      </Show>
    </>
  );
}
