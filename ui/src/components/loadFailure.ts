/** What browsers and Vite say if a script or style sheet of a screen or dialog could not be loaded. */
const words = /dynamically imported module|Importing a module script failed|Unable to preload CSS/;

/**
 * Whether a part of the page could not be loaded. After a deploy the manager has other files than the page asks for, or it
 * cannot be reached.
 */
export function isLoadFailure(error: unknown): boolean {
  return error instanceof Error && words.test(error.message);
}
