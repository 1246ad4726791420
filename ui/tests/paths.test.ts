import { describe, expect, test } from "vitest";

import { catalogCrumbs, modelCrumbs, promptCrumbs } from "../src/lib/crumbs";
import { pathOfSecurable, securableOf } from "../src/lib/securables";
import {
  comparePath,
  filePath,
  promptPath,
  runPath,
  searchPath,
  securablePath,
  signInPath,
} from "../src/paths";

describe("securablePath", () => {
  test.each([
    ["CATALOG", "prod", "/explore/data/prod"],
    ["SCHEMA", "prod.ml team", "/explore/data/prod/ml%20team"],
    ["MODEL", "prod.ml.churn", "/explore/data/models/prod/ml/churn"],
    ["FUNCTION", "prod.ml.churn", "/explore/data/functions/prod/ml/churn"],
    ["TABLE", "prod.ml.t", "/explore/data/prod/ml/t"],
    ["VOLUME", "prod.ml.v", "/explore/data/volumes/prod/ml/v"],
    ["REGISTERED_MODEL", "p.m.a%b", "/explore/data/models/p/m/a%25b"],
    ["PROMPT", "prod.ml.greet", "/explore/data/prompts/prod/ml/greet"],
    ["MODEL_VERSION", "prod.ml.churn/12", "/explore/data/models/prod/ml/churn/version/12"],
    ["MODEL_VERSION", "no version", null],
    ["TABLE", "s3://bucket/t", null],
  ])("%s %s", (kind, name, path) => expect(securablePath(kind, name)).toBe(path));
});

test("addresses carry versions, queries and runs", () => {
  expect(comparePath("a.b.c", [3, 12])).toBe("/explore/data/models/a/b/c/compare?versions=3,12");
  expect(promptPath("a.b.c", 2)).toBe("/explore/data/prompts/a/b/c?version=2");
  expect(searchPath("a b&c")).toBe("/explore/search?q=a%20b%26c");
  expect(runPath("1", "ab/c")).toBe("/explore/experiments/1/runs/ab%2Fc");
});

test("a file's path escapes each part and keeps its folders", () => {
  expect(filePath("a.b.c", 3, "data/x #1?.txt")).toBe(
    "/api/2.0/fs/files/Models/a/b/c/3/data/x%20%231%3F.txt",
  );
});

test("signing in returns to the address, with its query", () => {
  expect(signInPath()).toBe("/login?next=%2Fexplore%2Fdata%2Fprod%3Ftab%3Dactivity&why=ended");
});

test("a securable knows its type on the permission routes and its page", () => {
  const model = securableOf("MODEL", "a.b.c");
  expect(model.type).toBe("function");
  expect(pathOfSecurable(model)).toBe("/explore/data/models/a/b/c");
});

test("breadcrumbs lead to each container", () => {
  expect(catalogCrumbs("a").map(({ to }) => to)).toEqual(["/explore", "/explore/data/a"]);
  expect(modelCrumbs("a", "b", "c").at(-1)).toEqual({
    label: "c",
    to: "/explore/data/models/a/b/c",
  });
  expect(promptCrumbs("a", "b", "p").map(({ label }) => label)).toEqual([
    "Catalogs",
    "a",
    "b",
    "p",
  ]);
});
