import { fold } from "../../agents/fold.ts";
import { AgentList } from "../../agents/list.ts";
import { isBlank } from "../../agents/name.ts";
import type { Roster } from "../../agents/roster.ts";

/** A list of more is of no use to anybody. */
const mostSuggestions = 20;

/** Ids of agents and tokens: 20 characters of base 32. */
const idForm = /^[a-z2-7]{20}$/;

const matching = (roster: Roster, words: string) =>
  new AgentList(roster, { group: "all", words, labels: [], column: "name", descending: false }).ids;

/** Agents that somebody who has typed this may mean, and what to type for each: the id if the name does not tell. */
export function suggestAgents(roster: Roster, words: string): { readonly id: string; readonly typed: string }[] {
  return matching(roster, words)
    .slice(0, mostSuggestions)
    .flatMap((id) => {
      const entry = roster.get(id);
      if (entry === undefined) return [];
      const { name } = entry.agent;
      return [{ id, typed: isBlank(name) || roster.isTwin(entry) ? id : name }];
    });
}

/**
 * The id that somebody means who has typed this: an id, of a removed agent too, or the name of one agent.
 * @returns the problem in words if no id can be meant
 */
export function findTarget(roster: Roster, words: string): { readonly id: string } | { readonly problem: string } {
  const typed = words.trim();
  if (typed === "" || roster.get(typed) !== undefined || idForm.test(typed) || /^hub-\d+$/.test(typed)) {
    return { id: typed };
  }
  const folded = fold(typed);
  const named = matching(roster, typed).filter((id) => fold(roster.get(id)?.agent.name ?? "") === folded);
  const [first] = named;
  if (first !== undefined && named.length === 1) return { id: first };
  if (named.length > 1) return { problem: "Several agents have this name. Enter the id of one." };
  return { problem: "No agent has this name. A removed agent is found by its id." };
}
