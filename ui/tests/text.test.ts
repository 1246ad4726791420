import { describe, expect, it, test } from "vitest";

import {
  escapeBidi,
  formatBytes,
  leafName,
  markdownSummary,
  parentName,
  plural,
  privilegeLabel,
  relativeTime,
  visible,
} from "../src/lib/text";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.00 kB"],
  [128 * 1024, "131 kB"],
  [4_917_000, "4.92 MB"],
  [5e15, "5.00e+3 TB"],
])("%i bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

describe("relativeTime", () => {
  const now = Date.UTC(2026, 0, 31, 12);
  test.each([
    [9_000, "just now"],
    [59_000, "59 seconds ago"],
    [3_600_000, "1 hour ago"],
    [26 * 3_600_000, "yesterday"],
    [15 * 86_400_000, "2 weeks ago"],
    [800 * 86_400_000, "2 years ago"],
    [-90_000, "in 2 minutes"],
  ])("%i ms before now", (ms, text) => expect(relativeTime(now - ms, now)).toBe(text));
});

describe("visible", () => {
  it("shows characters that hide or turn text", () => {
    expect(visible("a\u202eb")).toBe("a⟨U+202E⟩b");
    expect(visible("a\u0000b\u200bc\ufeff")).toBe("a⟨U+0000⟩b⟨U+200B⟩c⟨U+FEFF⟩");
  });
  it("keeps tabs, line ends and letters of all scripts", () =>
    expect(visible("a\tb\nذ é 模型")).toBe("a\tb\nذ é 模型"));
});

test("escapeBidi leaves the joiners of emoji alone", () => {
  expect(escapeBidi("👩\u200d🔬 \u2067x\u2069")).toBe("👩\u200d🔬 ⟨U+2067⟩x⟨U+2069⟩");
});

describe("markdownSummary", () => {
  test.each([
    ["# Title\n\nThe **bold** and `code`.", "Title The bold and code."],
    ['Ask [the team](https://x.example/a_b "t"), please.', "Ask the team, please."],
    ["![a chart](c.png) and <https://x.example>", "a chart and https://x.example"],
    ["- [x] done\n- [ ] open\n> quoted", "done open quoted"],
    ["| a | b |\n|---|:-:|\n| 1 | 2 |", "a b 1 2"],
    ["snake_case stays, _emphasis_ goes", "snake_case stays, emphasis goes"],
  ])("of %j", (markdown, summary) => expect(markdownSummary(markdown)).toBe(summary));
  it("is at most 300 characters long", () =>
    expect(markdownSummary("word ".repeat(500)).length).toBe(300));
});

test("names have leaves and parents", () => {
  expect([leafName("a.b.c"), parentName("a.b.c")]).toEqual(["c", "a.b"]);
  expect([leafName("a"), parentName("a")]).toEqual(["a", ""]);
});

test("plural and privileges", () => {
  expect([plural(1, "file"), plural(1200, "file"), plural(2, "entry", "entries")]).toEqual([
    "1 file",
    "1,200 files",
    "2 entries",
  ]);
  expect(privilegeLabel("CREATE_MODEL_VERSION")).toBe("CREATE MODEL VERSION");
});
