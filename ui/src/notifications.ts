import { store, stored } from "./stored.ts";

/** Notifications of this page replace each other, and those of its other tabs. */
const tag = "zedops-lost";

/** What the browser says: `unsupported` by phones, and on a page on plain http. */
export function permission(): NotificationPermission | "unsupported" {
  return typeof Notification === "undefined" || !isSecureContext ? "unsupported" : Notification.permission;
}

/** Whether the viewer wants desktop notifications, and the browser allows them. */
export function notifies(): boolean {
  return stored("notifications") === "on" && permission() === "granted";
}

/** Turns them on, which may ask the viewer, or off. */
export async function setNotifies(on: boolean): Promise<void> {
  if (on && permission() === "default") await Notification.requestPermission();
  store("notifications", on && permission() === "granted" ? "on" : null);
}

/** Shows a notification, if they are on. `onClick` is called with the page in front. */
export function notify(title: string, body: string, onClick: () => void): void {
  if (!notifies()) return;
  try {
    const notification = new Notification(title, { body, tag, icon: "/favicon-lost.svg" });
    notification.addEventListener("click", () => {
      window.focus();
      notification.close();
      onClick();
    });
  } catch {
    // Chrome on Android has the constructor, and it throws. The page itself still tells.
  }
}
