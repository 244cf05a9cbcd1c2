import { createMemo, createRoot, createSignal } from "solid-js";

/** The parameters of the URL that a screen keeps its state in. Null takes one out; a list repeats it. */
export type Params = Readonly<Record<string, string | readonly string[] | null>>;

/**
 * The browser's URL is written with the first of several changes and then after a pause of this length. Browsers refuse a
 * page that writes it with every key.
 */
const pauseMs = 300;

const { url, setUrl, path } = createRoot(() => {
  const [url, setUrl] = createSignal(new URL(location.href));
  return { url, setUrl, path: createMemo(() => url().pathname) };
});
/** Runs for the length of a pause after each change. */
let timer: ReturnType<typeof setTimeout> | undefined;
let isWritten = true;

/** The path of the page's URL, such as `/agents/k3v`. */
export { path };

/** A parameter of the page's URL; empty if it is not there. */
export function param(name: string): string {
  return url().searchParams.get(name) ?? "";
}

/** All values of a parameter of the page's URL that may be repeated. */
export function paramValues(name: string): string[] {
  return url().searchParams.getAll(name).filter(Boolean);
}

/** A link that keeps the parameters of the present URL. */
export function withParams(to: string): string {
  return to + url().search;
}

/** Shows another place. The present one stays in the browser's history. */
export function go(to: string): void {
  write();
  history.pushState(null, "", to);
  setUrl(new URL(location.href));
}

/** Changes parameters of the URL. It is the same place, so `back` does not undo it. */
export function setParams(params: Params): void {
  const next = new URL(url());
  for (const [name, value] of Object.entries(params)) {
    next.searchParams.delete(name);
    for (const each of [value ?? []].flat()) if (each !== "") next.searchParams.append(name, each);
  }
  setUrl(next);
  isWritten = false;
  // The caller may change more parameters.
  if (timer === undefined) queueMicrotask(write);
  clearTimeout(timer);
  timer = setTimeout(() => {
    timer = undefined;
    write();
  }, pauseMs);
}

function write(): void {
  if (!isWritten) history.replaceState(null, "", url());
  isWritten = true;
}

window.addEventListener("popstate", () => {
  isWritten = true;
  setUrl(new URL(location.href));
});
window.addEventListener("pagehide", write);

/** Links within the dashboard do not load the page again. Those that open elsewhere have a `target` or `download`. */
document.addEventListener("click", (event) => {
  const { target, button, defaultPrevented } = event;
  if (defaultPrevented || button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = target instanceof Element ? target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.target !== "" || link.hasAttribute("download")) return;
  if (link.origin !== location.origin) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
