/** The Worker: routes in order, and the Durable Object that they reach by RPC. */
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import { misconfiguration, settings } from "./config.ts";
import { refuseForeignOrigin, requireAdmin } from "./http/caller/operator.ts";
import { ApiError, onError } from "./http/errors.ts";
import { serveDescription } from "./http/openapi.ts";
import { newRouter } from "./http/router.ts";
import { agents } from "./http/routes/agents.ts";
import { audit } from "./http/routes/audit.ts";
import { bulk } from "./http/routes/bulk.ts";
import { connect } from "./http/routes/connect.ts";
import { drain } from "./http/routes/drain.ts";
import { fallback } from "./http/routes/fallback.ts";
import { files } from "./http/routes/files.ts";
import { health } from "./http/routes/health.ts";
import { install } from "./http/routes/install.ts";
import { live } from "./http/routes/live.ts";
import { messages } from "./http/routes/messages.ts";
import { parked } from "./http/routes/parked.ts";
import { rotation } from "./http/routes/rotation.ts";
import { separation } from "./http/routes/separation.ts";
import { session } from "./http/routes/session.ts";
import { sessions } from "./http/routes/sessions.ts";
import { signingKeys } from "./http/routes/signing-keys.ts";
import { timelines } from "./http/routes/timeline.ts";
import { tokens } from "./http/routes/tokens.ts";

export { AgentHub } from "./hub/hub.ts";

const app = newRouter();
app.onError(onError);

// These need no settings.
app.route("/", install);
app.route("/", files);

app.use(async (c, next) => {
  const problem = misconfiguration(c.env);
  if (problem !== null) throw new ApiError(503, "not_configured", `this manager cannot serve: ${problem}`);
  await next();
});
app.route("/", health);
// These come before every middleware that sets headers: the headers of a 101 response cannot be changed.
app.route("/", connect);
app.route("/", live);

app.use("/api/*", async (c, next) => {
  await next();
  // c.header() would make another response first.
  c.res.headers.set("Cache-Control", "no-store");
});
// The headers of the dashboard's files are in ui/public/_headers.
app.use(
  "/api/*",
  secureHeaders({
    contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    xFrameOptions: "DENY",
    strictTransportSecurity: "max-age=31536000",
    // Nothing sets X-Powered-By.
    removePoweredBy: false,
    // These matter only for documents, or in browsers that nobody uses any more. Each takes time in every answer.
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  }),
);
app.use("/api/*", (c, next) => {
  // A body may be twice as long as a frame: JSON can spell the same payload with more bytes.
  const maxSize = 2 * settings(c.env).maxFrameBytes;
  // bodyLimit() would make a stream of the body first, also when its length is known.
  const length = c.req.header("Transfer-Encoding") === undefined ? c.req.header("Content-Length") : undefined;
  if (length !== undefined && Number(length) <= maxSize) return next();
  const onError = () => {
    throw new ApiError(413, "payload_too_large", `the body exceeds ${maxSize} bytes`);
  };
  return bodyLimit({ maxSize, onError })(c, next);
});
app.route("/", fallback);
app.use("/api/*", refuseForeignOrigin);
app.route("/", session);
app.use("/api/*", requireAdmin);
app.route("/", sessions);
app.route("/", tokens);
app.route("/", drain);
app.route("/", parked);
app.route("/", signingKeys);
app.route("/", agents);
app.route("/", bulk);
app.route("/", timelines);
app.route("/", messages);
app.route("/", rotation);
app.route("/", separation);
app.route("/", audit);

serveDescription(app);

app.notFound((c) => onError(new ApiError(404, "not_found", `there is no ${c.req.method} ${c.req.path}`), c));

export default app;
