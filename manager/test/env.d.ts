declare namespace Cloudflare {
  interface Env {
    /** The D1 migrations, read by vitest.config.ts. */
    MIGRATIONS: import("@cloudflare/vitest-plugin").D1Migration[];
  }
}
