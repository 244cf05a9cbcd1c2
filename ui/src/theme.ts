import { store, stored } from "./stored.ts";

export const themes = ["system", "light", "dark"] as const;

export type Theme = (typeof themes)[number];

/** What the viewer has chosen. `public/theme.js` applies it. */
export function chosenTheme(): Theme {
  return themes.find((theme) => theme === stored("theme")) ?? "system";
}

export function chooseTheme(theme: Theme): void {
  store("theme", theme === "system" ? null : theme);
}
