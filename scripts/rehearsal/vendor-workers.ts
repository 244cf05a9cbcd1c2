/** Workers of the stand-in: versions with their bindings, secrets and assets, and which version is deployed. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { SUBDOMAIN } from "./vendor-account.ts";
import { ACCOUNT, type Answer, type Call, type Routes, VendorError } from "./vendor-route.ts";

const Binding = z.looseObject({
  type: z.string(),
  name: z.string(),
  text: z.string().optional(),
  id: z.string().optional(),
});
type Binding = z.infer<typeof Binding>;

const Metadata = z.looseObject({
  bindings: z.array(Binding),
  annotations: z.record(z.string(), z.string().optional()).optional(),
  migrations: z.object({ new_tag: z.string() }).optional(),
  assets: z.looseObject({ jwt: z.string() }).optional(),
  keep_bindings: z.array(z.string()).optional(),
});

export interface Version {
  id: string;
  number: number;
  createdOn: string;
  annotations: Record<string, string | undefined>;
  /** Everything but secrets. */
  bindings: Binding[];
  secrets: Record<string, string>;
}

interface Worker {
  versions: Version[];
  deployments: { id: string; createdOn: string; versionId: string }[];
  migrationTag: string | undefined;
  isOnWorkersDev: boolean;
}

export class VendorWorkers {
  /** Called when another version serves, whether by a deploy, a rollback or a change of a secret. */
  onServed: (version: Version) => Promise<void> = async () => {};
  /** Uploaded assets, by their hash. */
  readonly assets = new Map<string, string>();
  /** Names and sizes of the assets of the latest upload. */
  manifest: Record<string, { hash: string; size: number }> = {};
  readonly #workers = new Map<string, Worker>();
  /** Time stands still, so that versions of one instant keep their order. */
  #now = Date.parse("2026-11-01T00:00:00Z");

  /** The version that serves; undefined if there is no such Worker. */
  served(name: string): Version | undefined {
    const worker = this.#workers.get(name);
    const id = worker?.deployments[0]?.versionId;
    return worker?.versions.find((version) => version.id === id);
  }

  /** Makes a Worker that is not ours. */
  createForeign(name: string): void {
    const worker = this.#make(name);
    this.#deploy(worker, this.#upload(worker, [], {}, {}));
  }

  /** Deletes a secret, as somebody else does in the dashboard. */
  async forget(name: string, secret: string): Promise<void> {
    const worker = this.#find(name);
    const { bindings, secrets } = this.#latest(worker);
    const { [secret]: _, ...others } = secrets;
    await this.#serve(worker, this.#upload(worker, bindings, others, { "workers/triggered_by": "secret" }));
  }

  routes(): Routes {
    const scripts = `/accounts/${ACCOUNT}/workers/scripts`;
    return {
      [`GET /accounts/${ACCOUNT}/workers/services/*`]: ({ params: [name] }) => {
        const { migrationTag } = this.#find(name);
        const script = {
          id: name,
          tag: "tag",
          tags: null,
          migration_tag: migrationTag,
          last_deployed_from: "wrangler",
        };
        return { result: { default_environment: { environment: "production", script } } };
      },
      [`GET ${scripts}`]: () => ({
        result: [...this.#workers].map(([id, { migrationTag }]) => ({ id, migration_tag: migrationTag })),
      }),
      [`GET ${scripts}/*/secrets`]: ({ params: [name] }) => ({
        result: Object.keys(this.#latest(this.#find(name)).secrets).map((name) => ({ name, type: "secret_text" })),
      }),
      [`PATCH ${scripts}/*/secrets-bulk`]: async ({ params: [name], body }) => {
        const Secret = z.object({ text: z.string() }).nullable();
        const { secrets } = z.object({ secrets: z.record(z.string(), Secret) }).parse(JSON.parse(body.toString()));
        const worker = this.#find(name);
        const { bindings, secrets: before } = this.#latest(worker);
        const changed = new Map(Object.entries(before));
        for (const [key, value] of Object.entries(secrets))
          if (value === null) changed.delete(key);
          else changed.set(key, value.text);
        const after = Object.fromEntries(changed);
        const version = this.#upload(worker, bindings, after, { "workers/triggered_by": "secret" });
        await this.#serve(worker, version);
        return { result: [] };
      },
      [`GET ${scripts}/*/settings`]: ({ params: [name] }) => ({
        result: { bindings: this.#latest(this.#find(name)).bindings },
      }),
      [`POST ${scripts}/*/assets-upload-session`]: ({ body }) => {
        const Manifest = z.record(z.string(), z.object({ hash: z.string(), size: z.number() }));
        this.manifest = z.object({ manifest: Manifest }).parse(JSON.parse(body.toString())).manifest;
        const absent = Object.values(this.manifest).filter(({ hash }) => !this.assets.has(hash));
        return { result: { jwt: jwt(), buckets: absent.length === 0 ? [] : [absent.map(({ hash }) => hash)] } };
      },
      [`POST /accounts/${ACCOUNT}/workers/assets/upload`]: async (call) => {
        for (const [hash, file] of await form(call)) this.assets.set(hash, String(file));
        return { result: { jwt: jwt() }, status: 201 };
      },
      [`PUT ${scripts}/*`]: async (call) => {
        const [name = ""] = call.params;
        const worker = this.#workers.get(name) ?? this.#make(name);
        return await this.#put(worker, call, true);
      },
      [`POST ${scripts}/*/versions`]: async (call) => await this.#put(this.#find(call.params[0]), call, false),
      [`GET ${scripts}/*/versions`]: ({ params: [name] }) => ({
        result: { items: this.#find(name).versions.map(shown).toReversed() },
      }),
      [`GET ${scripts}/*/versions/*`]: ({ params: [name, id] }) => ({
        result: shown(this.#version(this.#find(name), id)),
      }),
      [`GET ${scripts}/*/deployments`]: ({ params: [name] }) => ({
        result: { deployments: this.#find(name).deployments.map(shownDeployment) },
      }),
      [`POST ${scripts}/*/deployments`]: async ({ params: [name], query, body }) => {
        const Order = z.object({ versions: z.tuple([z.object({ version_id: z.string() })]) });
        const { versions } = Order.parse(JSON.parse(body.toString()));
        const worker = this.#find(name);
        const version = this.#version(worker, versions[0].version_id);
        const changed = Object.entries(this.#latest(worker).secrets).filter(
          ([key, text]) => version.secrets[key] !== text,
        );
        if (changed.length > 0 && query.get("force") !== "true") {
          const names = changed.map(([key]) => key).join(", ");
          throw new VendorError(400, 10220, `The following secrets have changed: ${names}`);
        }
        await this.#serve(worker, version);
        return { result: { id: worker.deployments[0]?.id } };
      },
      [`PATCH ${scripts}/*/script-settings`]: () => ({ result: {} }),
      [`GET /accounts/${ACCOUNT}/workers/workers/*`]: ({ params: [name] }) => {
        const { isOnWorkersDev } = this.#find(name);
        return {
          result: { id: name, subdomain: { enabled: isOnWorkersDev, previews_enabled: false, url: address(name) } },
        };
      },
      [`GET ${scripts}/*/subdomain`]: ({ params: [name] }) => ({
        result: { enabled: this.#find(name).isOnWorkersDev, previews_enabled: false },
      }),
      [`POST ${scripts}/*/subdomain`]: ({ params: [name], body }) => {
        const { enabled } = z.object({ enabled: z.boolean() }).parse(JSON.parse(body.toString()));
        this.#find(name).isOnWorkersDev = enabled;
        return { result: { enabled, previews_enabled: false } };
      },
    };
  }

  async #put(worker: Worker, call: Call, isDeployed: boolean): Promise<Answer> {
    const metadata = Metadata.parse(JSON.parse(String((await form(call)).get("metadata"))));
    const before = worker.versions.at(-1);
    const secrets = new Map(Object.entries(before?.secrets ?? {}));
    for (const { type, name, text } of metadata.bindings) {
      if (type === "secret_text" && text !== undefined) secrets.set(name, text);
      if (type === "inherit" && !secrets.has(name))
        throw new VendorError(
          400,
          10057,
          `inherit binding '${name}' is invalid, because the previous version has none`,
        );
    }
    const bindings = metadata.bindings.filter(({ type }) => type !== "secret_text" && type !== "inherit");
    for (const binding of bindings)
      if (binding.type === "d1" && !/^[\da-f]{8}-[\da-f-]{27}$/.test(binding.id ?? ""))
        throw new VendorError(400, 10021, "binding DB of type d1 must have a valid `id` specified");
    worker.migrationTag = metadata.migrations?.new_tag ?? worker.migrationTag;
    const version = this.#upload(worker, bindings, Object.fromEntries(secrets), metadata.annotations ?? {});
    if (isDeployed) await this.#serve(worker, version);
    const script = { etag: "etag", handlers: ["fetch"], last_deployed_from: "wrangler" };
    const id = version.id.replaceAll("-", "");
    return {
      result: { id: isDeployed ? id : version.id, deployment_id: id, resources: { script }, startup_time_ms: 20 },
    };
  }

  #make(name: string): Worker {
    const worker: Worker = { versions: [], deployments: [], migrationTag: undefined, isOnWorkersDev: false };
    this.#workers.set(name, worker);
    return worker;
  }

  #upload(
    worker: Worker,
    bindings: Binding[],
    secrets: Record<string, string>,
    annotations: Version["annotations"],
  ): Version {
    const number = worker.versions.length + 1;
    const version = { id: randomUUID(), number, createdOn: this.#tick(), annotations, bindings, secrets };
    worker.versions.push(version);
    return version;
  }

  #deploy(worker: Worker, version: Version): void {
    worker.deployments.unshift({ id: randomUUID(), createdOn: this.#tick(), versionId: version.id });
  }

  async #serve(worker: Worker, version: Version): Promise<void> {
    this.#deploy(worker, version);
    await this.onServed(version);
  }

  #tick(): string {
    this.#now += 1_000;
    return new Date(this.#now).toISOString();
  }

  #latest(worker: Worker): Version {
    return worker.versions.at(-1) ?? this.#version(worker, undefined);
  }

  #version(worker: Worker, id: string | undefined): Version {
    const found = worker.versions.find((version) => version.id === id);
    if (found === undefined) throw new VendorError(404, 10080, "there is no such version");
    return found;
  }

  #find(name: string | undefined): Worker {
    const found = this.#workers.get(name ?? "");
    if (found === undefined) throw new VendorError(404, 10007, "This Worker does not exist on your account.");
    return found;
  }
}

function shown({ id, number, createdOn, annotations, bindings, secrets }: Version) {
  const hidden = Object.keys(secrets).map((name) => ({ type: "secret_text", name }));
  return {
    ...{ id, number, annotations },
    metadata: {
      created_on: createdOn,
      modified_on: createdOn,
      source: "wrangler",
      author_email: "operator@example.com",
    },
    resources: {
      bindings: [...bindings, ...hidden],
      script: { etag: "etag", handlers: ["fetch"], last_deployed_from: "wrangler" },
      script_runtime: { compatibility_date: "2026-10-01", usage_model: "standard" },
    },
  };
}

function shownDeployment({ id, createdOn, versionId }: Worker["deployments"][number]) {
  const versions = [{ version_id: versionId, percentage: 100 }];
  const by = { source: "wrangler", strategy: "percentage", author_email: "operator@example.com" };
  return { id, created_on: createdOn, ...by, versions, annotations: {} };
}

const address = (name: string | undefined) => `https://${name}.${SUBDOMAIN}.workers.dev`;

/** wrangler reads the claims of this token, not its signature. */
function jwt(): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ exp: 4_102_444_800 })}.signature`;
}

async function form({ headers, body }: Call): Promise<FormData> {
  const type = headers["content-type"] ?? "";
  return await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData();
}
