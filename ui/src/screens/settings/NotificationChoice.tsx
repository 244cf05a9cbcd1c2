import { createSignal } from "solid-js";
import { notifies, permission, setNotifies } from "../../notifications.ts";
import { Section } from "./Section.tsx";

export function NotificationChoice() {
  // The browser asks the viewer, and its answer may be no.
  const [state, setState] = createSignal({ on: notifies(), permission: permission() });
  const change = async (box: HTMLInputElement) => {
    await setNotifies(box.checked);
    setState({ on: notifies(), permission: permission() });
    box.checked = state().on;
  };
  const problem = () => {
    if (state().permission === "denied")
      return "The browser blocks notifications of this page. Allow them in its settings first.";
    if (state().permission === "unsupported")
      return "This browser has none here. They need https, or this machine itself.";
    return "";
  };

  return (
    <Section title="Notifications">
      <label class="settings-choice">
        <input
          type="checkbox"
          checked={state().on}
          disabled={problem() !== ""}
          onChange={(event) => void change(event.currentTarget)}
        />
        Show a desktop notification when an agent is lost
      </label>
      <p class="muted">
        It comes while you look at something else. This page must be open. Agents that were stopped, revoked or removed
        are not announced, and neither are those that are back within 10 seconds.
      </p>
      <p class="problem" role="alert">
        {problem()}
      </p>
    </Section>
  );
}
