/** A file of the dashboard in its HTML. The names of files have hashes, so another version has other names. */
const assets = /(?:src|href)="(\/assets\/[^"]+)"/g;

/** Whether the manager's dashboard has files that this page does not have. It is not known without an answer. */
export async function isNewerThere(): Promise<boolean> {
  const html = await fetch("/", { cache: "no-cache" }).then(
    (response) => (response.ok ? response.text() : ""),
    () => "",
  );
  return [...html.matchAll(assets)].some(
    ([, file]) => document.querySelector(`[src="${file}"], [href="${file}"]`) === null,
  );
}
