/** Labels in D1: the JSON of the columns `agents.labels` and `enrolments.labels`, and queries on their index. */
import { z } from "zod";
import { joinLabel, MAX_LABELS, splitLabel } from "../protocol/label.ts";
import { HUB } from "./hubs.ts";
import { parseColumn } from "./parse.ts";
import { query } from "./query.ts";

/** The version of the JSON. */
const LABELS_VERSION = 1;

const StoredLabels = z.object({ labels: z.record(z.string(), z.string()) });

/** The JSON for a column; null if there are no labels. */
export function storedLabels(labels: readonly string[]): string | null {
  if (labels.length === 0) return null;
  const entries = labels.map(splitLabel).map(({ key, value }) => [key, value]);
  return JSON.stringify({ v: LABELS_VERSION, labels: Object.fromEntries(entries) });
}

/**
 * A patch for `json_patch` of SQLite (RFC 7396), which adds labels to a column and removes others. A null removes its
 * key.
 * @param removed keys
 */
export function labelPatch(added: readonly string[], removed: readonly string[]): string {
  const gains = added.map(splitLabel).map(({ key, value }) => [key, value]);
  const losses = removed.map((key) => [key, null]);
  return JSON.stringify({ v: LABELS_VERSION, labels: Object.fromEntries([...gains, ...losses]) });
}

/** The labels in a column, sorted. */
export function parseLabels(text: string | null, column: string): string[] {
  const { labels } = parseColumn(StoredLabels, text, column) ?? { labels: {} };
  return Object.entries(labels)
    .map(([key, value]) => joinLabel(key, value))
    .toSorted();
}

/** An SQL condition: one agent may have the labels in `json`, an SQL expression. Their keys always differ. */
export function isWithinLimit(json: string): string {
  return `(SELECT count(*) FROM json_each(${json}, '$.labels')) <= ${MAX_LABELS}`;
}

/**
 * An SQL condition on a row of `agent_labels`: the row is one of the first filter, and its agent matches all filters.
 * Each filter is given as the place of its term in the statement's parameters, such as `?2`.
 */
export function matchesFilters([first, ...others]: readonly string[]): string {
  const rest = others.map(
    (place) => `EXISTS (SELECT 1 FROM agent_labels AS other
      WHERE other.term = ${place} AND other.agent_name = agent_labels.agent_name AND other.agent_id = agent_labels.agent_id)`,
  );
  return [`term = ${first}`, ...rest].join(" AND ");
}

/**
 * Puts a filter with a value first, because probably the fewest agents match it. The query reads all rows of the first
 * filter, and looks the others up for each row.
 */
export function rarestFirst(filters: readonly string[]): string[] {
  return filters.toSorted((a, b) => Number(b.includes("=")) - Number(a.includes("=")));
}

/** An agent with certain labels, and where its connection may be. */
export interface LabelledAgent {
  readonly id: string;
  readonly hub: string | null;
  readonly status: "online" | "offline";
}

/** The agents that match all of these filters; at most `limit`. */
export async function listLabelled(
  db: D1Database,
  filters: readonly string[],
  limit: number,
): Promise<LabelledAgent[]> {
  const places = filters.map((_, place) => `?${place + 2}`);
  const { results } = await query(
    db
      .prepare(
        `SELECT id, ${HUB} AS hub, status FROM agent_labels CROSS JOIN agents ON id = agent_id
         WHERE ${matchesFilters(places)} LIMIT ?1`,
      )
      .bind(limit, ...rarestFirst(filters))
      .all<LabelledAgent>(),
  );
  return results;
}
