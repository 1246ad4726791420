import { describe, expect, it, test } from "vitest";

import { auditFilter, dayStart, searchFilter } from "../src/lib/filters";
import { byPrincipal, grantKey, grantRows, matchesGrant } from "../src/lib/grants";
import { toParams } from "../src/lib/urlFields";

test("the address keeps trimmed fields and no empty ones", () => {
  expect(toParams({ q: " churn ", kind: "", tag: "a:b c" }).toString()).toBe("q=churn&tag=a%3Ab+c");
});

test("the search filter comes from the address", () => {
  expect(searchFilter(new URLSearchParams("q=churn&kind=MODEL&sort=updated"))).toEqual({
    query: "churn",
    kinds: "MODEL",
    tag: "",
    owner: "",
    order_by: "updated",
  });
});

describe("auditFilter", () => {
  it("shows changes unless the address asks for everything", () => {
    expect(auditFilter(new URLSearchParams("")).changes_only).toBe(true);
    expect(auditFilter(new URLSearchParams("show=all")).changes_only).toBeUndefined();
  });
  it("ends after the last day", () => {
    const { since, until } = auditFilter(new URLSearchParams("since=2026-01-31&until=2026-01-31"));
    expect(since).toBe(new Date(2026, 0, 31).getTime());
    expect(until).toBe(new Date(2026, 1, 1).getTime());
  });
});

test.each([undefined, "", "tomorrow", "2026-13-40"])("%j is no day", (text) =>
  expect(dayStart(text)).toBeUndefined(),
);

describe("grants", () => {
  const rows = grantRows([
    {
      principal: "ann@x.io",
      privileges: [
        { privilege: "USE_CATALOG", inherited_from_type: "CATALOG", inherited_from_name: "prod" },
        { privilege: "EXECUTE" },
      ],
    },
    { principal: "team", privileges: [{ privilege: "EXECUTE", inert: true }] },
  ] as Parameters<typeof grantRows>[0]);
  it("become one row a privilege, with their origin", () => {
    expect(rows.map(({ fromKind, inert }) => [fromKind, inert])).toEqual([
      ["CATALOG", false],
      ["", false],
      ["", true],
    ]);
    expect(new Set(rows.map(grantKey)).size).toBe(3);
  });
  it("match a filter by principal or by the privilege as it is shown", () => {
    const matching = (text: string) => rows.filter((row) => matchesGrant(row, text)).length;
    expect([matching("ANN"), matching("use cat"), matching("execute"), matching("zz")]).toEqual([
      2, 1, 2, 0,
    ]);
  });
  it("are revoked by principal", () =>
    expect([...byPrincipal(rows)]).toEqual([
      ["ann@x.io", ["USE_CATALOG", "EXECUTE"]],
      ["team", ["EXECUTE"]],
    ]));
});
