/** The stand-in's account: who is logged in, and the account's part of workers.dev. */
import { ACCOUNT, type Routes } from "./vendor-route.ts";

export const SUBDOMAIN = "rehearsal";

export function accountRoutes(): Routes {
  const account = { id: ACCOUNT, name: "Rehearsal" };
  return {
    "GET /user/tokens/verify": () => ({ result: { id: "token", status: "active" } }),
    "GET /user": () => ({ result: { id: "user", email: "operator@example.com" } }),
    "GET /memberships": () => ({ result: [{ id: "membership", account }] }),
    "GET /accounts": () => ({ result: [account] }),
    [`GET /accounts/${ACCOUNT}/workers/subdomain`]: () => ({ result: { subdomain: SUBDOMAIN } }),
  };
}
