import { z } from "zod";
import { UserError } from "../stack/user-error.ts";
import type { Target } from "./target.ts";
import { both, runWrangler, WranglerError } from "./wrangler.ts";

/** A version of the Worker. */
export interface Version {
  readonly id: string;
  /** The release that it was deployed from; undefined for a version that only changed a secret. */
  readonly release: string | undefined;
  readonly createdOn: string;
}

const Secrets = z.array(z.object({ name: z.string() }));
const Deployments = z.array(
  z.object({ created_on: z.string(), versions: z.array(z.object({ version_id: z.string() })) }),
);
const Versions = z.array(
  z.object({
    id: z.string(),
    metadata: z.object({ created_on: z.string() }),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
);
const View = z.object({
  resources: z.object({ bindings: z.array(z.looseObject({ type: z.string(), class_name: z.string().optional() })) }),
});

/** The names of the Worker's secrets; undefined if there is no such Worker. */
export async function findSecrets({ terminal, name }: Target): Promise<string[] | undefined> {
  try {
    const output = await runWrangler(terminal, ["secret", "list", "--format", "json", "--name", name]);
    return Secrets.parse(JSON.parse(output)).map((secret) => secret.name);
  } catch (error) {
    if (error instanceof WranglerError && error.lacksWorker) return undefined;
    throw error;
  }
}

/** Sets secrets, and deletes those that are null, in one new version of the Worker. */
export async function changeSecrets({ terminal, name }: Target, secrets: Record<string, string | null>): Promise<void> {
  // By standard input: every user of this machine can read arguments.
  await runWrangler(terminal, ["secret", "bulk", "--name", name], { input: JSON.stringify(secrets) });
}

/** Whether the Worker is a manager, and not something else with the same name. */
export async function isManager(target: Target): Promise<boolean> {
  const [serving] = await servedVersions(target);
  if (serving === undefined) return false;
  const { terminal, name } = target;
  const view = await runWrangler(terminal, ["versions", "view", serving, "--json", "--name", name]);
  const { bindings } = View.parse(JSON.parse(view)).resources;
  return bindings.some(({ type, class_name }) => type === "durable_object_namespace" && class_name === "AgentHub");
}

/** The ids of the versions that have served, the present one first. */
async function servedVersions({ terminal, name }: Target): Promise<string[]> {
  const output = await runWrangler(terminal, ["deployments", "list", "--json", "--name", name]);
  return Deployments.parse(JSON.parse(output))
    .toSorted((a, b) => b.created_on.localeCompare(a.created_on))
    .flatMap(({ versions }) => versions.map(({ version_id }) => version_id));
}

/**
 * The version to go back to: the latest one of another release than the present.
 * @throws UserError if there is none, or if a secret has changed since then: a version brings its secrets back too
 */
export async function findEarlierVersion(target: Target): Promise<{ from: Version; to: Version }> {
  const { terminal, name } = target;
  const [served, listed] = await both(
    servedVersions(target),
    runWrangler(terminal, ["versions", "list", "--json", "--name", name]),
  );
  const known = new Map(
    Versions.parse(JSON.parse(listed)).map(({ id, metadata, annotations }): [string, Version] => [
      id,
      { id, release: annotations?.["workers/tag"], createdOn: metadata.created_on },
    ]),
  );
  const history = served.map((id) => known.get(id) ?? { id, release: undefined, createdOn: "" });
  const from = history.find(({ release }) => release !== undefined);
  const at = history.findIndex(({ release }) => release !== undefined && release !== from?.release);
  const to = history[at];
  if (from === undefined || to === undefined) {
    throw new UserError(
      "there is no version of an earlier release to go back to; check the release out and run make deploy",
    );
  }
  if (history.slice(0, at).some(({ release }) => release === undefined)) {
    throw new UserError(
      `a secret has changed since release ${to.release} was deployed, and its version would bring the old one back. ` +
        `Deploy the code instead: git switch --detach ${to.release} && make deploy`,
    );
  }
  return { from, to };
}
