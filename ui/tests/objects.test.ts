import { describe, expect, it, test } from "vitest";

import type { TableColumn } from "../src/api/objects";
import {
  columnType,
  commitLabel,
  inOrder,
  matchesColumn,
  partitionNames,
} from "../src/lib/columns";
import { isSmallImage } from "../src/lib/previews";
import { pathOfSecurable, securableOf } from "../src/lib/securables";
import { volumeFilePath } from "../src/paths";
import { leafToken } from "../src/shell/treePages";

const column = (name: string, change: Partial<TableColumn> = {}): TableColumn => ({
  name,
  ...change,
});

describe("columns", () => {
  it("have the type of SQL, or the name of the type", () => {
    expect(columnType(column("a", { type_text: "decimal(10,2)", type_name: "DECIMAL" }))).toBe(
      "decimal(10,2)",
    );
    expect(columnType(column("a", { type_name: "LONG" }))).toBe("long");
    expect(columnType(column("a"))).toBe("");
  });
  it("come in the order of their positions, of partitions in that of the partitions", () => {
    const columns = [
      column("c", { position: 2, partition_index: 0 }),
      column("a", { position: 0 }),
      column("b", { position: 1, partition_index: 1 }),
    ];
    expect(inOrder(columns).map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(inOrder([column("y"), column("x")]).map(({ name }) => name)).toEqual(["y", "x"]);
    expect(partitionNames(columns)).toEqual(["c", "b"]);
  });
  test.each([
    ["AGE", true],
    [" bigint ", true],
    ["years", true],
    ["name", false],
    ["", true],
  ])("match %j: %s", (text, matches) =>
    expect(matchesColumn(column("age", { type_text: "bigint", comment: "In years" }), text)).toBe(
      matches,
    ),
  );
});

test.each([
  [{ operation: "WRITE", mode: "Append" }, "WRITE (Append)"],
  [{ operation: "OPTIMIZE", mode: "" }, "OPTIMIZE"],
  [{ operation: "", mode: "" }, "unknown"],
])("%o is the commit %j", (commit, label) => expect(commitLabel(commit)).toBe(label));

test.each([
  ["TABLE", "/explore/data/a/b/c%20d", "table"],
  ["VOLUME", "/explore/data/volumes/a/b/c%20d", "volume"],
  ["FUNCTION", "/explore/data/functions/a/b/c%20d", "function"],
] as const)("a %s has the page %s and the type %s", (kind, path, type) => {
  const securable = securableOf(kind, "a.b.c d");
  expect([pathOfSecurable(securable), securable.type]).toEqual([path, type]);
});

test("files of volumes have addresses in the Files API, part by part", () => {
  expect(volumeFilePath("a.b.v", "x y/#1?.txt")).toBe(
    "/api/2.0/fs/files/Volumes/a/b/v/x%20y/%231%3F.txt",
  );
  expect(volumeFilePath("a.b.v", "", "directories")).toBe("/api/2.0/fs/directories/Volumes/a/b/v");
});

test.each([
  ["a/b.PNG", 10, true],
  ["b.jpeg", 5 * 1024 * 1024, true],
  ["b.jpeg", 5 * 1024 * 1024 + 1, false],
  ["b.svg", 10, false],
  ["png", 10, false],
  ["b.png.txt", 10, false],
])("%s of %i bytes is shown as a picture: %s", (path, size, isImage) =>
  expect(isSmallImage(path, size)).toBe(isImage),
);

test("a token of a schema's page says with which kind the page begins", () => {
  expect(leafToken("")).toEqual({ kind: "MODEL", token: "" });
  expect(leafToken("TABLE t o")).toEqual({ kind: "TABLE", token: "t o" });
  expect(leafToken("CATALOG x")).toEqual({ kind: "MODEL", token: "" });
});
