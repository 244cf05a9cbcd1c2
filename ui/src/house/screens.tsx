import { type Component, lazy } from "solid-js";
import { AgentsScreen } from "../screens/agents/AgentsScreen.tsx";

export interface Screen {
  /** Its entry in the header, and the title of the browser's tab. */
  readonly title: string;
  /** Its URL. Those below it are the screen's too. */
  readonly path: string;
  readonly view: Component;
}

/**
 * The screens in the order of the header. The first is loaded with the dashboard, and `/` shows it. The others are loaded
 * when they are shown, and have a default export.
 */
export const screens: readonly [Screen, ...Screen[]] = [
  { title: "Agents", path: "/agents", view: AgentsScreen },
  { title: "Tokens", path: "/tokens", view: lazy(() => import("../screens/tokens/TokensScreen.tsx")) },
  { title: "Audit", path: "/audit", view: lazy(() => import("../screens/audit/AuditScreen.tsx")) },
  { title: "Publish", path: "/publish", view: lazy(() => import("../screens/publish/PublishScreen.tsx")) },
  { title: "Settings", path: "/settings", view: lazy(() => import("../screens/settings/SettingsScreen.tsx")) },
];

/** The screen of a path; undefined if there is none. */
export function screenAt(path: string): Screen | undefined {
  if (path === "/") return screens[0];
  return screens.find((screen) => path === screen.path || path.startsWith(`${screen.path}/`));
}
