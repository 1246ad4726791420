import { describe, expect, it, test } from "vitest";

import type { LineageEdge } from "../src/api/lineage";
import type { Version } from "../src/api/versions";
import { treeOf } from "../src/lib/fileTree";
import { canExpand, graphOf, linkedNode, versionOfNode } from "../src/lib/lineageGraph";
import type { SecurableKind } from "../src/lib/securables";
import type { TreePage } from "../src/shell/treePages";
import { ancestors, keyAction, selectedSecurable, treeRows } from "../src/shell/treeRows";

const KINDS = ["CATALOG", "SCHEMA", "MODEL"] as const;
const pageOf = (
  names: string[],
  nextToken = "",
  kinds: Record<string, SecurableKind> = {},
): TreePage => ({
  entries: names.map((name) => ({
    kind: kinds[name] ?? KINDS[name.split(".").length - 1] ?? "MODEL",
    name,
  })),
  nextToken,
});
const answer = (data?: TreePage, error: Error | null = null) => ({ data, error });

describe("treeRows", () => {
  const requests = ["", "prod", "prod.ml"].map((container) => ({ container, token: "" }));
  const open = new Set(["prod", "prod.ml"]);
  it("lists open containers in their places, prompts after models", () => {
    const answers = [
      answer(pageOf(["dev", "prod"])),
      answer(pageOf(["prod.ml"])),
      answer(
        pageOf(["prod.ml.churn", "prod.ml.greet", "prod.ml.t"], "", {
          "prod.ml.greet": "PROMPT",
          "prod.ml.t": "TABLE",
        }),
      ),
    ];
    expect(treeRows(requests, answers, open).map((row) => `${row.level} ${row.kind}`)).toEqual([
      "1 CATALOG",
      "1 CATALOG",
      "2 SCHEMA",
      "3 MODEL",
      "3 PROMPT",
      "3 TABLE",
    ]);
  });
  it("says what is loading, has failed, is empty or goes on", () => {
    const answers = [
      answer(pageOf(["prod"], "next")),
      answer(pageOf(["prod.ml"])),
      answer(undefined, new Error("refused")),
    ];
    const kinds = (from: typeof answers) => treeRows(requests, from, open).map((row) => row.kind);
    expect(kinds(answers)).toEqual(["CATALOG", "SCHEMA", "FAILED", "MORE"]);
    expect(kinds([answer(pageOf(["prod"])), answer()])).toEqual(["CATALOG", "WAIT"]);
    expect(kinds([answer(pageOf(["prod"])), answer(pageOf([]))])).toEqual(["CATALOG", "NONE"]);
  });
});

test.each([
  ["/explore", "CATALOG", ""],
  ["/explore/data/prod", "CATALOG", "prod"],
  ["/explore/data/prod/ml%20team", "SCHEMA", "prod.ml team"],
  ["/explore/data/models/prod/ml/churn/version/3", "MODEL", "prod.ml.churn"],
  ["/explore/data/prompts/prod/ml/greet", "PROMPT", "prod.ml.greet"],
  ["/explore/data/volumes/prod/ml/v", "VOLUME", "prod.ml.v"],
  ["/explore/data/functions/prod/ml/f", "FUNCTION", "prod.ml.f"],
  ["/explore/data/prod/ml/t", "TABLE", "prod.ml.t"],
  ["/explore/data/models/ml", "SCHEMA", "models.ml"],
  ["/explore/data/volumes/ml/t", "TABLE", "volumes.ml.t"],
])("%s shows %s %j", (path, kind, name) => expect(selectedSecurable(path)).toEqual({ kind, name }));

test("ancestors are the containers of a name", () => {
  expect(ancestors("a.b.c")).toEqual(["a", "a.b"]);
  expect(ancestors("")).toEqual([]);
});

describe("keyAction", () => {
  const rows = treeRows(
    [
      { container: "", token: "" },
      { container: "prod", token: "" },
    ],
    [answer(pageOf(["dev", "prod"])), answer(pageOf(["prod.ml"]))],
    new Set(["prod"]),
  ); // dev, prod, prod.ml
  const open = new Set(["prod"]);
  test.each([
    ["ArrowRight", 0, { type: "expand", name: "dev" }],
    ["ArrowRight", 1, { type: "move", index: 2 }],
    ["ArrowLeft", 1, { type: "collapse", name: "prod" }],
    ["ArrowLeft", 2, { type: "move", index: 1 }],
    ["End", 0, { type: "move", index: 2 }],
    ["Enter", 0, { type: "follow" }],
    ["x", 0, null],
  ])("%s on row %i", (key, index, action) =>
    expect(keyAction(key, rows, index, open)).toEqual(action),
  );
});

test("files become folders with the sizes of all that is in them", () => {
  const root = treeOf(
    ["MLmodel", "data/a.txt", "data/deep/b.txt"].map((path) => ({ path, size: 10 })) as Parameters<
      typeof treeOf
    >[0],
  );
  const data = root.folders.get("data");
  expect([root.bytes, data?.bytes, data?.folders.get("deep")?.path]).toEqual([30, 20, "data/deep"]);
  expect(root.files.map(({ path }) => path)).toEqual(["MLmodel"]);
});

describe("lineage graph", () => {
  const edge = (change: Partial<LineageEdge>): LineageEdge =>
    ({
      model: "a.b.c",
      version: 1,
      direction: "UPSTREAM",
      entity_type: "TABLE",
      entity_name: "a.b.t",
      entity_version: "",
      context: "training",
      created_by: "ann",
      ...change,
    }) as LineageEdge;
  const info = {
    full_name: "a.b.c",
    version: 1,
    run_id: "r1",
    experiment_id: "7",
    workspace_id: "",
  } as Version;
  it("puts the run between a table and the version", () => {
    const { edges } = graphOf([edge({})], [info]);
    expect(edges.map(({ from, to }) => `${from} > ${to}`)).toEqual([
      "RUN r1 > MODEL_VERSION a.b.c/1",
      "TABLE a.b.t > RUN r1",
    ]);
  });
  it("joins a copy to its source, without the run", () => {
    const copy = edge({ entity_type: "MODEL_VERSION", entity_name: "a.b.d/2" });
    expect(graphOf([copy], [info]).edges.map(({ from, to }) => [from, to])).toEqual([
      ["MODEL_VERSION a.b.d/2", "MODEL_VERSION a.b.c/1"],
    ]);
  });
  it("merges the labels, authors and table versions of one connection", () => {
    const { nodes, edges } = graphOf(
      [
        edge({ entity_version: "1" }),
        edge({ entity_version: "2", context: "test", created_by: "bob" }),
      ],
      [],
    );
    expect(edges).toMatchObject([{ label: "training, test", authors: ["ann", "bob"] }]);
    expect(nodes.find(({ kind }) => kind === "TABLE")?.versions).toEqual(["1", "2"]);
  });
  it("shows entities without a name as hidden, and does not expand them", () => {
    const hidden = graphOf([edge({ entity_name: "" })], []).nodes.find((node) => node.hidden);
    expect(hidden?.name).toBe("Hidden: you have no access");
    expect(hidden && canExpand(hidden, [])).toBe(false);
  });
  it("lays out sources left of what they lead to, also in a circle", () => {
    const loop = [
      edge({ entity_type: "MODEL_VERSION", entity_name: "a.b.d/1" }),
      edge({ model: "a.b.d", entity_type: "MODEL_VERSION", entity_name: "a.b.c/1" }),
    ];
    expect(graphOf(loop, []).nodes.length).toBe(2);
    const { nodes } = graphOf([edge({})], [info]);
    const x = (kind: string) => nodes.find((node) => node.kind === kind)?.x ?? 0;
    expect(x("TABLE") < x("RUN") && x("RUN") < x("MODEL_VERSION")).toBe(true);
  });
  it("adds what other systems have reported, without the edges of versions a second time", () => {
    const end = (id: string, type: string, name: string, fields = {}) => ({
      id,
      type,
      name,
      deleted: false,
      hidden: name === "",
      ...fields,
    });
    const link = (source: string, target: string, fields = {}) => ({
      source,
      target,
      context: "spark/etl",
      source_version: "",
      columns: [],
      properties: {},
      created_at: 1,
      created_by: "ann",
      of_version: false,
      ...fields,
    });
    const linked = {
      nodes: [
        end("0", "TABLE", "a.b.t"),
        end("1", "DATASET", "kafka://k/t"),
        end("2", "TABLE", "a.b.old", { deleted: true }),
        end("3", "TABLE", ""),
        end("4", "TABLE", ""),
        end("5", "MODEL_VERSION", "a.b.c/1"),
      ],
      edges: [
        link("1", "0"),
        link("2", "0"),
        link("3", "0"),
        link("4", "0"),
        link("0", "5", { of_version: true }),
      ],
      truncated: false,
    };
    const { nodes, edges } = graphOf([edge({})], [info], [linked]);
    expect(edges.filter(({ label }) => label === "spark/etl").map(({ to }) => to)).toEqual(
      Array.from({ length: 4 }, () => "TABLE a.b.t"),
    );
    expect(nodes.filter((node) => node.hidden).length).toBe(2);
    expect(nodes.find((node) => node.name === "a.b.old")?.deleted).toBe(true);
    expect(
      edges.filter(({ to }) => to === "MODEL_VERSION a.b.c/1").map(({ from }) => from),
    ).toEqual(["RUN r1"]);
    expect(linkedNode("DATASET kafka://k/a b")).toEqual(["DATASET", "kafka://k/a b"]);
    expect(linkedNode("NOTEBOOK n")).toBeNull();
  });
  it("knows the version of a node id", () => {
    expect(versionOfNode("MODEL_VERSION a.b.c/12")).toEqual(["a.b.c", "12"]);
    expect(versionOfNode("TABLE a.b.t")).toBeNull();
  });
});
