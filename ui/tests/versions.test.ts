import { describe, expect, it, test } from "vitest";

import type { Version } from "../src/api/versions";
import {
  compareSides,
  metricTexts,
  requirementsOf,
  signatureTexts,
} from "../src/lib/compareVersions";
import { diffLines } from "../src/lib/diffLines";
import { championFirst, loadTargetOf } from "../src/lib/loadTarget";
import { formatNumber, metricName, metricText } from "../src/lib/metrics";
import { signatureChanges, signatureRows, typeText } from "../src/lib/signature";

describe("typeText", () => {
  test.each([
    ["long", "long"],
    [{ type: "double" }, "double"],
    [{ type: "tensor", "tensor-spec": { dtype: "float32", shape: [-1, 28] } }, "float32 (-1, 28)"],
    [{ type: "array", items: { type: "string" } }, "array<string>"],
    [{ type: "map", values: "long" }, "map<string, long>"],
    [
      {
        type: "object",
        properties: { a: { type: "string" }, b: { type: "long", required: false } },
      },
      "{a: string, b?: long}",
    ],
    [null, "any"],
    [{}, "any"],
  ])("of %j", (spec, text) => expect(typeText(spec)).toBe(text));
});

describe("signatureRows", () => {
  it("reads a part that is a JSON text", () =>
    expect(signatureRows('[{"name":"age","type":"long","required":false}]')).toEqual([
      { name: "age", type: "long", required: false },
    ]));
  it("names columns without names by their place", () => {
    expect(signatureRows([{ type: "long" }])[0]?.name).toBe("(unnamed)");
    expect(signatureRows([{ type: "long" }, { type: "long" }])[1]?.name).toBe("1");
  });
  it("shows the default of a parameter", () =>
    expect(signatureRows([{ name: "t", type: "double", default: 0.5 }])[0]).toMatchObject({
      default: "0.5",
      required: false,
    }));
  test.each(["{", "null", undefined, 3])("has no rows for %j", (part) =>
    expect(signatureRows(part)).toEqual([]),
  );
});

describe("signatureChanges", () => {
  const inputs = (...columns: object[]) => ({ inputs: columns });
  const age = { name: "age", type: "long" };
  it("is empty for equal signatures and for none", () => {
    expect(signatureChanges(inputs(age), inputs(age))).toEqual([]);
    expect(signatureChanges(null, undefined)).toEqual([]);
  });
  it("names columns that are removed, new or of another type", () => {
    const after = inputs({ name: "age", type: "double" }, { name: "plan", type: "string" });
    expect(signatureChanges(inputs(age, { name: "old", type: "long" }), after)).toEqual([
      "Input old is removed",
      "Input plan (string) is new and required",
      "Input age is double, and was long",
    ]);
  });
  it("tells when a column becomes optional", () =>
    expect(signatureChanges(inputs(age), inputs({ ...age, required: false }))).toEqual([
      "Input age is optional now",
    ]));
  it("tells when a signature is lost", () =>
    expect(signatureChanges(inputs(age), null)).toEqual(["The new version has no signature."]));
});

describe("diffLines", () => {
  const text = (before: string, after: string) =>
    diffLines(before, after).map(({ kind, text: line }) => `${kind} ${line}`);
  it("keeps equal lines and marks the others", () =>
    expect(text("a\nb\nc", "a\nx\nc")).toEqual(["same a", "removed b", "added x", "same c"]));
  it("of equal texts has no change", () => expect(text("a", "a")).toEqual(["same a"]));
  it("does not compare very long texts line by line", () => {
    const long = Array.from({ length: 2_001 }, (_, line) => `${line}`).join("\n");
    const lines = diffLines(long, "x");
    expect([lines.length, lines.at(-1)?.kind, lines[0]?.kind]).toEqual([2_002, "added", "removed"]);
  });
});

describe("loadTargetOf", () => {
  const aliases = [
    { alias_name: "Challenger", version_num: 2 },
    { alias_name: "champion", version_num: 1 },
  ];
  it("prefers Champion in any case", () => {
    expect(championFirst(["b", "Champion", "a"], (alias) => alias)).toEqual(["Champion", "a", "b"]);
    const statuses = new Map([
      [1, "READY"],
      [2, "READY"],
      [3, "READY"],
    ]);
    expect(loadTargetOf(aliases, statuses)).toEqual({ version: 1, alias: "champion" });
  });
  it("passes over versions that are not ready", () => {
    const statuses = new Map([
      [1, "FAILED_REGISTRATION"],
      [2, "READY"],
    ]);
    expect(loadTargetOf(aliases, statuses)).toEqual({ version: 2, alias: "Challenger" });
  });
  it("takes the newest ready version without an alias, or nothing", () => {
    expect(
      loadTargetOf(
        [],
        new Map([
          [1, "READY"],
          [2, "PENDING_REGISTRATION"],
        ]),
      ),
    ).toEqual({
      version: 1,
    });
    expect(loadTargetOf(aliases, new Map())).toBeNull();
  });
});

describe("comparison", () => {
  it("counts what differs and can hide what is equal", () => {
    const sides = compareSides({ a: "1", b: "2", c: "3" }, { a: "1", b: "9", d: "4" }, true);
    expect(sides.rows.map(({ name }) => name)).toEqual(["b", "c", "d"]);
    expect([sides.total, sides.differing]).toEqual([4, 3]);
    expect(compareSides({ a: "1" }, { a: "1" }, false).rows.length).toBe(1);
  });
  it("reads requirements with and without versions", () =>
    expect(requirementsOf("mlflow==3.1\n\nnumpy\npandas[sql]>=2 ; python_version>'3'\n")).toEqual({
      mlflow: "==3.1",
      numpy: "any",
      pandas: "[sql]>=2 ; python_version>'3'",
    }));
  it("lists signatures and metrics by name", () => {
    const version = {
      signature: { inputs: [{ name: "age", type: "long", required: false }] },
      metrics: [{ key: "auc", value: 0.123456789, step: 3, dataset_name: "test" }],
    } as unknown as Version;
    expect(signatureTexts(version)).toEqual({ "inputs: age": "long, optional" });
    expect(metricTexts(version)).toEqual({ "auc (test)": "0.123457 (step 3)" });
  });
});

test("metrics show six digits, their dataset and a step other than 0", () => {
  expect([formatNumber(1 / 3), formatNumber("NaN"), formatNumber(1e21)]).toEqual([
    "0.333333",
    "NaN",
    "1e+21",
  ]);
  expect(metricText({ value: 1, step: 0 })).toBe("1");
  expect(metricName({ key: "auc" })).toBe("auc");
});
