/** Shown at a URL that belongs to no screen. */
export function NotFound() {
  return (
    <section class="panel message">
      <h1 tabindex="-1">There is nothing here</h1>
      <p class="muted">The address may be mistyped, or from a newer version.</p>
      <a class="button primary" href="/agents">
        Go to the agents
      </a>
    </section>
  );
}
