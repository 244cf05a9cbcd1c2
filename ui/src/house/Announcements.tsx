import { Arrivals } from "./Arrivals.tsx";
import { LostAgents } from "./LostAgents.tsx";
import "./Announcements.css";

/** What the page tells of by itself. It is loaded after the page. */
export default function Announcements() {
  return (
    <div class="toasts">
      <LostAgents />
      <Arrivals />
    </div>
  );
}
