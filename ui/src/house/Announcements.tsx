import { Arrivals } from "./Arrivals.tsx";
import { LostAgents } from "./LostAgents.tsx";
import { Reload } from "./Reload.tsx";
import "./Announcements.css";

/** What the page tells of by itself. It is loaded after the page. */
export default function Announcements() {
  return (
    // Only what is new is read out.
    <div class="toasts" role="status" aria-atomic="false">
      <LostAgents />
      <Arrivals />
      <Reload />
    </div>
  );
}
