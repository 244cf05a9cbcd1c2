import { QueryClientProvider } from "@tanstack/solid-query";
import { createSignal, ErrorBoundary, Show } from "solid-js";
import { Crash } from "./house/Crash.tsx";
import { Dashboard } from "./house/Dashboard.tsx";
import { LogIn } from "./house/LogIn.tsx";
import { createQueryClient } from "./queryClient.ts";

/**
 * Shows the dashboard while the manager accepts the session cookie, else the log-in. Scripts cannot read the cookie, so
 * the first call to the manager decides.
 */
export function App() {
  const [session, setSession] = createSignal<"assumed" | "over" | "none">("assumed");
  let loaded = false;

  const end = () => setSession(loaded ? "over" : "none");
  const client = createQueryClient(end);
  const resume = () => {
    setSession("assumed");
    // What the manager has refused meanwhile is asked for again.
    void client.invalidateQueries();
  };
  const leave = () => {
    loaded = false;
    setSession("none");
    client.clear();
  };

  return (
    <ErrorBoundary fallback={(error) => <Crash error={error} />}>
      <QueryClientProvider client={client}>
        <Show when={session() !== "none"} fallback={<LogIn onLoggedIn={() => setSession("assumed")} />}>
          <Dashboard
            sessionOver={session() === "over"}
            onSessionOver={end}
            onLoggedIn={resume}
            onLoggedOut={leave}
            onLoaded={() => {
              loaded = true;
            }}
          />
        </Show>
      </QueryClientProvider>
    </ErrorBoundary>
  );
}
