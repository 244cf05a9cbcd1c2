import { createMemo } from "solid-js";
import { type Column, columns, groups, type ListQuery } from "../../agents/list.ts";
import { param, setParams } from "../../router.ts";

/** The order without a choice: trouble first. */
const usual = { column: "status", descending: false } as const;

/** What the URL says that the list shows. */
export function useListQuery(): () => ListQuery {
  return createMemo(readQuery, readQuery(), { equals: isSame });
}

function readQuery(): ListQuery {
  const group = groups.find((known) => known === param("show")) ?? "all";
  const sort = param("sort");
  const column = columns.find((known) => known === sort.replace(/^-/, ""));
  const order = column === undefined ? usual : { column, descending: sort.startsWith("-") };
  return { group, words: param("q"), ...order };
}

/** The URL has parameters of others too. */
function isSame(a: ListQuery, b: ListQuery): boolean {
  return a.group === b.group && a.words === b.words && a.column === b.column && a.descending === b.descending;
}

/** Changes what the list shows. */
export function changeQuery(change: Partial<ListQuery>): void {
  const { group, words } = change;
  if (group !== undefined) setParams({ show: group === "all" ? null : group });
  if (words !== undefined) setParams({ q: words });
}

export function sortBy(column: Column, descending: boolean): void {
  const isUsual = column === usual.column && descending === usual.descending;
  setParams({ sort: isUsual ? null : `${descending ? "-" : ""}${column}` });
}
