import { createSignal, onCleanup } from "solid-js";

/** As in the media queries of the components' styles. */
const narrow = "(max-width: 47.5em)";

/** Whether the window is narrow, so that one thing fills it. */
export function useIsNarrow(): () => boolean {
  const query = matchMedia(narrow);
  const [isNarrow, setNarrow] = createSignal(query.matches);
  const onChange = () => setNarrow(query.matches);
  query.addEventListener("change", onChange);
  onCleanup(() => query.removeEventListener("change", onChange));
  return isNarrow;
}
