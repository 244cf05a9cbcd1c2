import { createMemo, createRoot, createSignal } from "solid-js";

/** The parameters of the URL that a screen keeps its state in. Null takes one out; a list repeats it. */
export type Params = Readonly<Record<string, string | readonly string[] | null>>;

/** The URL is written so long after a change. Browsers refuse a page that writes it with every key. */
const writeAfterMs = 300;

const { url, setUrl, path } = createRoot(() => {
  const [url, setUrl] = createSignal(new URL(location.href));
  return { url, setUrl, path: createMemo(() => url().pathname) };
});
let timer: ReturnType<typeof setTimeout> | undefined;

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
  clearTimeout(timer);
  timer = setTimeout(write, writeAfterMs);
}

function write(): void {
  clearTimeout(timer);
  if (timer !== undefined) history.replaceState(null, "", url());
  timer = undefined;
}

window.addEventListener("popstate", () => {
  clearTimeout(timer);
  timer = undefined;
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
