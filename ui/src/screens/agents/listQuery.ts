import { createMemo } from "solid-js";
import { type Column, columns, groups, type ListQuery } from "../../agents/list.ts";
import { param, paramValues, setParams } from "../../router.ts";

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
  return { group, words: param("q"), labels: [...new Set(paramValues("label"))], ...order };
}

/** The URL has parameters of others too. */
function isSame(a: ListQuery, b: ListQuery): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Changes what the list shows. */
export function changeQuery(change: Partial<ListQuery>): void {
  const { group, words, labels } = change;
  if (group !== undefined) setParams({ show: group === "all" ? null : group });
  if (words !== undefined) setParams({ q: words });
  if (labels !== undefined) setParams({ label: labels });
}

/** Adds a label filter to those there are, or takes it out. */
export function toggleFilter(filter: string, filters: readonly string[]): void {
  const others = filters.filter((each) => each !== filter);
  changeQuery({ labels: others.length < filters.length ? others : [...filters, filter] });
}

export function sortBy(column: Column, descending: boolean): void {
  const isUsual = column === usual.column && descending === usual.descending;
  setParams({ sort: isUsual ? null : `${descending ? "-" : ""}${column}` });
}
