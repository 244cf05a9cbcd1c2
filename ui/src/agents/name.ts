import { tryParse } from "../json.ts";

/** Characters that leave no mark: spaces, controls, and others that a font shows as nothing. */
const invisible = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** So much of an id tells agents with the same name apart. */
const shortIdLength = 8;

/** The first characters of an id. */
export function shortId(id: string): string {
  return id.slice(0, shortIdLength);
}

/** A name as an operator reads it: "unnamed" and the short id if it would be blank. */
export function readableName({ id, name }: { readonly id: string; readonly name: string }): string {
  return isBlank(name) ? `unnamed ${shortId(id)}` : name;
}

export function isBlank(name: string): boolean {
  return name.replace(invisible, "") === "";
}

/** The place of an agent's page. */
export function agentPath(id: string): string {
  return `/agents/${encodeURIComponent(id)}`;
}

/** The id in the path of an agent's page; undefined in other paths. */
export function agentIdAt(path: string): string | undefined {
  const [, , id = ""] = path.split("/");
  // No agent has an id with a bad escape such as `%`. Its page says so.
  return id === "" ? undefined : (tryParse(() => decodeURIComponent(id)) ?? id);
}
