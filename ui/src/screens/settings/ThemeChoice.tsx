import { For } from "solid-js";
import { chooseTheme, chosenTheme, type Theme, themes } from "../../theme.ts";
import { Section } from "./Section.tsx";

const words: Readonly<Record<Theme, string>> = { system: "As the system", light: "Light", dark: "Dark" };

export function ThemeChoice() {
  return (
    <Section title="Theme">
      <fieldset class="settings-choices" aria-label="Theme">
        <For each={themes}>
          {(theme) => (
            <label class="settings-choice">
              <input
                type="radio"
                name="theme"
                value={theme}
                checked={chosenTheme() === theme}
                onChange={() => chooseTheme(theme)}
              />
              {words[theme]}
            </label>
          )}
        </For>
      </fieldset>
    </Section>
  );
}
