interface Env {
  /** The JWT_SECRET before the present one, while agents still show tokens that it signed. */
  JWT_SECRET_PREVIOUS?: string;
}
