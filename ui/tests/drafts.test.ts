import { beforeEach, describe, expect, it, test } from "vitest";

import { aliasName } from "../src/lib/aliases";
import { clearDrafts, markInterrupted, parseFields, wasInterrupted } from "../src/lib/drafts";
import { parseTags, tagChanges, withoutTag, withTag } from "../src/lib/tags";

beforeEach(clearDrafts);

describe("drafts", () => {
  it("remembers an interrupted save until the drafts are cleared", () => {
    markInterrupted("model a.b.c", "text");
    expect(wasInterrupted("model a.b.c")).toBe(true);
    expect(wasInterrupted("model a.b.d")).toBe(false);
    clearDrafts();
    expect(wasInterrupted("model a.b.c")).toBe(false);
  });
  it("leaves other keys of the tab alone", () => {
    sessionStorage.setItem("other", "1");
    clearDrafts();
    expect(sessionStorage.getItem("other")).toBe("1");
  });
  it("ignores text that is no draft", () => {
    for (const text of ["", "null", "[1]", '{"text":1,"interrupted":true}', "{"])
      sessionStorage.setItem("modelkeep.draft.x", text);
    expect(wasInterrupted("x")).toBe(false);
  });
});

describe("parseFields", () => {
  const initial = { name: "n", comment: "" };
  test.each([
    ['{"name":"a","comment":"b"}', { name: "a", comment: "b" }],
    ['{"name":"a"}', { name: "a", comment: "" }],
    ['{"name":1,"comment":null,"other":"x"}', initial],
    ["null", initial],
    ["not JSON", initial],
  ])("of %s", (text, fields) => expect(parseFields(text, initial)).toEqual(fields));
});

describe("tags", () => {
  const tags = [
    { key: "task", value: "churn" },
    { key: "tier", value: "1" },
  ];
  it("replaces the tag of a key and trims both texts", () =>
    expect(withTag(tags, { key: " task ", value: " x " })).toEqual([
      { key: "tier", value: "1" },
      { key: "task", value: "x" },
    ]));
  it("adds no tag without a key", () => expect(withTag(tags, { key: " ", value: "x" })).toBe(tags));
  it("sends only what differs", () => {
    const after = withTag(withoutTag(tags, "tier"), { key: "stage", value: "dev" });
    expect(tagChanges(tags, after)).toEqual({
      added: [{ key: "stage", value: "dev" }],
      removed: ["tier"],
    });
    expect(tagChanges(tags, tags)).toEqual({ added: [], removed: [] });
  });
  test.each(["[1]", '[{"key":"a"}]', "{}", "["])("reads no tags from %s", (text) =>
    expect(parseTags(text, tags)).toBe(tags),
  );
  it("reads its own JSON", () => expect(parseTags(JSON.stringify(tags), [])).toEqual(tags));
});

test.each([
  [" @Champion ", "Champion"],
  ["Champion", "Champion"],
  ["@@x", "@x"],
  ["@", ""],
])("%j names the alias %j", (text, alias) => expect(aliasName(text)).toBe(alias));
