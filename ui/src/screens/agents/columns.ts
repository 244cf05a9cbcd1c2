import type { Column } from "../../agents/list.ts";

export const columnTitles: Readonly<Record<Column, string>> = {
  name: "Name",
  status: "Status",
  seen: "Last seen",
  version: "Version",
  platform: "Platform",
  address: "Address",
};
