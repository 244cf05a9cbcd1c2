import { ScreenHead } from "../../components/ScreenHead.tsx";
import { Drain } from "./Drain.tsx";
import { NotificationChoice } from "./NotificationChoice.tsx";
import { ParkedTransitions } from "./ParkedTransitions.tsx";
import { Sessions } from "./Sessions.tsx";
import { ThemeChoice } from "./ThemeChoice.tsx";
import "./SettingsScreen.css";

/** The viewer's choices for this browser, and what an operator does to the whole manager, at /settings. */
export default function SettingsScreen() {
  return (
    <>
      <ScreenHead
        title="Settings"
        words="The theme and the notifications are kept in this browser. The rest is for all operators."
      />
      <div class="settings">
        <ThemeChoice />
        <NotificationChoice />
        <Sessions />
        <Drain />
        <ParkedTransitions />
      </div>
    </>
  );
}
