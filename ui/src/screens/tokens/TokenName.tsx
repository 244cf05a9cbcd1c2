import { isBlank, shortId } from "../../agents/name.ts";
import type { Token } from "./token.ts";

/** What a token is called where there is only text. */
export function tokenName({ id, name }: Token): string {
  return name === null || isBlank(name) ? `unnamed ${shortId(id)}` : name;
}

export function TokenName(props: { token: Token }) {
  return <bdi>{tokenName(props.token)}</bdi>;
}
