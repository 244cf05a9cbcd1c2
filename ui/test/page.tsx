import { render, screen, within } from "@solidjs/testing-library";
import userEvent from "@testing-library/user-event";
import { vi } from "vitest";
import { App } from "../src/App.tsx";
import { Manager } from "./manager.ts";

/** Waits for code that is being loaded, runs all pending promises, then advances the clock. */
export async function pass(ms: number): Promise<void> {
  await vi.dynamicImportSettled();
  await vi.advanceTimersByTimeAsync(ms);
}

/** The feed tells what has become of the manager's list, and the page shows it. */
export async function toldAll(manager: Manager): Promise<void> {
  manager.tellAll();
  await pass(1_000);
}

/**
 * Opens the dashboard with a manager that `prepare` has set up, and waits for the first answer. Only `pass` moves the
 * clock. It begins at noon: what was a few minutes ago was today.
 */
export async function openPage(prepare: (manager: Manager) => void = () => {}) {
  vi.useFakeTimers({ now: new Date().setHours(12, 0, 0, 0) });
  const manager = new Manager();
  prepare(manager);
  const events = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms), delay: null });
  const user = {
    ...events,
    // A click may open something that is loaded first.
    click: async (element: Element) => {
      await events.click(element);
      await pass(0);
    },
  };
  render(() => <App />);
  await pass(10);
  const press = async (name: string | RegExp, within_: HTMLElement = document.body) => {
    await user.click(within(within_).getByRole("button", { name }));
    await pass(10);
  };
  return { manager, user, press };
}

/** The row of the agent with that name. */
export function row(name: string): HTMLElement {
  const found = screen.getByRole("rowheader", { name: (label) => label.startsWith(name) }).closest("tr");
  if (found === null) throw new Error("a row header is in no row");
  return found;
}

/** The names in the table, from top to bottom. */
export function names(): (string | null)[] {
  return screen.getAllByRole("rowheader").map((cell) => cell.textContent);
}
