import { createEffect, createMemo, ErrorBoundary, lazy, on, Show, Suspense } from "solid-js";
import { Dynamic } from "solid-js/web";
import { useStale } from "../agents/Freshness.tsx";
import { DialogHost } from "../components/dialogs.tsx";
import { formatCount } from "../components/format.ts";
import { path } from "../router.ts";
import { LeaveContext } from "../session.ts";
import { LiveContext, useLive } from "../useLive.ts";
import { Crash } from "./Crash.tsx";
import { Header } from "./Header.tsx";
import { LogInAgain } from "./LogIn.tsx";
import { NotFound } from "./NotFound.tsx";
import { setReloadReason } from "./reloadReason.ts";
import { screenAt } from "./screens.tsx";
import { unseenLosses } from "./unseen.ts";
import "./Dashboard.css";

const Announcements = lazy(() => import("./Announcements.tsx"));

interface DashboardProps {
  /** The session is over. The log-in lies over the page until there is another, so that nothing typed is lost. */
  sessionOver: boolean;
  onSessionOver: () => void;
  onLoggedIn: () => void;
  onLoggedOut: () => void;
  /** There is something on the page now that a log-in must not throw away. */
  onLoaded: () => void;
}

/** What all screens have around them. */
export function Dashboard(props: DashboardProps) {
  const live = useLive(() => props.onSessionOver());
  const { state } = live;
  const stale = useStale(state);
  const screen = createMemo(() => screenAt(path()));

  createEffect(() => {
    if (state.loaded) props.onLoaded();
  });
  createEffect(
    on(
      () => props.sessionOver,
      (over) => {
        if (over) live.stop();
        else live.restart();
      },
      { defer: true },
    ),
  );

  let main!: HTMLElement;
  createEffect(() => {
    const lost = unseenLosses() === 0 ? "" : `(${formatCount(unseenLosses())}) `;
    document.title = `${lost}${screen()?.title ?? "Not found"} · ZedOps`;
  });
  // The keyboard goes on where the new screen begins.
  createEffect(on(screen, () => queueMicrotask(() => main.focus({ preventScroll: true })), { defer: true }));

  return (
    <LiveContext.Provider value={live}>
      <LeaveContext.Provider value={() => props.onLoggedOut()}>
        <DialogHost onNotLoaded={() => setReloadReason("missing")}>
          <Header stale={stale()} screen={screen()} onLoggedOut={props.onLoggedOut} />
          <main class="page" tabindex="-1" ref={main}>
            <Show when={screen()} keyed fallback={<NotFound />}>
              {({ view }) => (
                <ErrorBoundary fallback={(error) => <Crash error={error} />}>
                  <Suspense fallback={<p class="page-loading muted">Loading…</p>}>
                    <Dynamic component={view} />
                  </Suspense>
                </ErrorBoundary>
              )}
            </Show>
          </main>
        </DialogHost>
      </LeaveContext.Provider>
      <ErrorBoundary fallback={(error) => <Crash error={error} />}>
        <Suspense>
          <Announcements />
        </Suspense>
      </ErrorBoundary>
      <Show when={props.sessionOver}>
        <LogInAgain onLoggedIn={props.onLoggedIn} />
      </Show>
    </LiveContext.Provider>
  );
}
