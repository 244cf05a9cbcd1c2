import { QueryClientProvider } from "@tanstack/solid-query";
import { createSignal, Show } from "solid-js";
import { Dashboard } from "./Dashboard.tsx";
import { LogIn } from "./LogIn.tsx";
import { createQueryClient } from "./queryClient.ts";

/**
 * Shows the dashboard while the manager accepts the session cookie, else the log-in. Scripts cannot read the cookie, so
 * the first call to the manager decides.
 */
export function App() {
  const [loggedIn, setLoggedIn] = createSignal(true);
  const client = createQueryClient(() => leave());

  const leave = () => {
    setLoggedIn(false);
    client.clear();
  };

  return (
    <QueryClientProvider client={client}>
      <Show when={loggedIn()} fallback={<LogIn onLoggedIn={() => setLoggedIn(true)} />}>
        <Dashboard onLoggedOut={leave} />
      </Show>
    </QueryClientProvider>
  );
}
