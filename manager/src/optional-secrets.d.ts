interface Env {
  /** The previous JWT_SECRET. It is needed while agents still use tokens that it signed. */
  JWT_SECRET_PREVIOUS?: string;
}
