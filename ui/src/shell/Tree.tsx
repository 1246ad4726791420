import { Skeleton, Text } from "@mantine/core";
import { queryOptions, useQueries } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { IconChevronDown, IconChevronRight, IconDots } from "@tabler/icons-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { useLocation, useNavigate } from "react-router";

import { promptsPage } from "../api/prompts";
import { catalogsPage, modelsPage, schemasPage } from "../api/queries";
import { securablePath } from "../paths";
import { KindIcon } from "../ui/kinds";
import { lastPart, visible } from "../ui/text";

const ROW = 32;
const LONG = 6; // pages
const DEPTH: Record<string, number> = { CATALOG: 1, SCHEMA: 2, MODEL: 3, PROMPT: 3 };
const PROMPTS = "prompts "; // begins the tokens of the pages of prompts, which come after those of models

interface Node {
  kind: "CATALOG" | "SCHEMA" | "MODEL" | "PROMPT" | "MORE" | "WAIT" | "NONE" | "FAILED";
  name: string;
  level: number;
  /** Of MORE: whose next page, and its token. */
  token?: string;
  text?: string;
  /** The page that it is on. */
  page?: string;
}

interface Listed {
  names: string[];
  /** Those among them that are prompts. */
  prompts: ReadonlySet<string>;
  next: string;
}

/** The pages of one container that have been asked for so far: '' is the metastore. */
type Pages = Record<string, string[]>;

const pageOf = (
  names: string[],
  next: string | null | undefined,
  prompts: string[] = [],
): Listed => ({ names: [...names, ...prompts], prompts: new Set(prompts), next: next ?? "" });

const pageId = (container: string, token: string) => `${container} ${token}`;

/** One page of what a container holds, whichever kind that is. */
function pageQuery(container: string, token: string) {
  const depth = container === "" ? 0 : container.split(".").length;
  return queryOptions({
    queryKey: ["tree", container, token],
    queryFn: async ({ client }) => {
      if (depth === 0) {
        const page = await client.fetchQuery(catalogsPage(token));
        return pageOf(
          page.catalogs.map((one) => one.full_name),
          page.next_page_token,
        );
      }
      if (depth === 1) {
        const page = await client.fetchQuery(schemasPage(container, token));
        return pageOf(
          page.schemas.map((one) => one.full_name),
          page.next_page_token,
        );
      }
      const models = token.startsWith(PROMPTS)
        ? undefined
        : await client.fetchQuery(modelsPage(container, token));
      const names = (models?.registered_models ?? []).map((model) => model.full_name);
      if (models?.next_page_token) return pageOf(names, models.next_page_token);
      const prompts = await client.fetchQuery(
        promptsPage(container, token.startsWith(PROMPTS) ? token.slice(PROMPTS.length) : ""),
      );
      return pageOf(
        names,
        prompts.next_page_token ? PROMPTS + prompts.next_page_token : "",
        prompts.prompts.map((prompt) => prompt.full_name),
      );
    },
  });
}

/** What the address shows, as a full name: it is opened and selected in the tree. */
function shown(pathname: string): string {
  const parts = pathname.split("/").slice(3).map(decodeURIComponent);
  if (!pathname.startsWith("/explore/data/")) return "";
  return (
    (parts[0] === "models" || parts[0] === "prompts") && parts.length >= 4
      ? parts.slice(1, 4)
      : parts.slice(0, 2)
  ).join(".");
}

/** The catalog and the schema that something is in. */
const holders = (name: string) => {
  const parts = name.split(".");
  return parts.slice(1).map((_, depth) => parts.slice(0, depth + 1).join("."));
};

export function Tree() {
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const selected = shown(pathname);
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(holders(selected)));
  const [pages, setPages] = useState<Pages>(() =>
    Object.fromEntries(["", ...holders(selected)].map((name) => [name, [""]])),
  );
  const [at, setAt] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);

  const setExpanded = (name: string, expanded: boolean) => {
    setOpen((before) => {
      if (before.has(name) === expanded) return before;
      const after = new Set(before);
      if (expanded) after.add(name);
      else after.delete(name);
      return after;
    });
    if (expanded) setPages((before) => (before[name] ? before : { ...before, [name]: [""] }));
  };
  useEffect(() => {
    for (const name of holders(selected)) setExpanded(name, true);
  }, [selected]);

  const wanted = useMemo(
    () =>
      Object.entries(pages)
        .filter(([container]) => container === "" || open.has(container))
        .flatMap(([container, tokens]) => tokens.map((token) => ({ container, token }))),
    [pages, open],
  );
  // What is out of sight is not asked for again after a change: it is when it shows.
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const answers = useQueries({
    queries: wanted.map(({ container, token }) => ({
      ...pageQuery(container, token),
      enabled: !hidden.has(pageId(container, token)),
    })),
  });
  const rows = useMemo(() => {
    const found: Node[] = [];
    const add = (container: string, level: number) => {
      const kind = (["CATALOG", "SCHEMA", "MODEL"] as const)[level - 1] ?? "MODEL";
      let count = 0;
      let next = "";
      for (const [index, asked] of wanted.entries()) {
        if (asked.container !== container) continue;
        const answer = answers[index];
        const listed = answer?.data;
        if (answer?.isError)
          found.push({ kind: "FAILED", name: `${container}!`, level, text: answer.error.message });
        else if (!listed) found.push({ kind: "WAIT", name: `${container}…${asked.token}`, level });
        for (const name of listed?.names ?? []) {
          count += 1;
          found.push({
            kind: listed?.prompts.has(name) ? "PROMPT" : kind,
            name,
            level,
            page: pageId(container, asked.token),
          });
          if (open.has(name)) add(name, level + 1);
        }
        next = listed?.next ?? "";
        if (listed && !next && count === 0 && level > 1)
          found.push({
            kind: "NONE",
            name: `${container}-`,
            level,
            text: kind === "SCHEMA" ? "No schemas" : "No models or prompts",
          });
      }
      if (next) found.push({ kind: "MORE", name: container, level, token: next });
    };
    add("", 1);
    return found;
  }, [wanted, answers, open]);

  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    initialRect: { width: 0, height: window.innerHeight }, // so that the rows are there at once, before anything is measured
    overscan: 5,
    getItemKey: (index) => `${rows[index]?.kind}${rows[index]?.name}`,
  });
  const items = virtualizer.getVirtualItems();
  const seen = [...new Set(items.map((item) => rows[item.index]?.page ?? ""))].join("\n");
  useEffect(() => {
    const inSight = new Set(seen.split("\n"));
    // A long list's alone: of a few, all are kept new.
    const long =
      wanted.length > LONG ? wanted.map(({ container, token }) => pageId(container, token)) : [];
    const there = new Set(rows.map((row) => row.page));
    setHidden((before) => {
      const after = new Set(long.filter((page) => there.has(page) && !inSight.has(page)));
      return after.size === before.size && [...after].every((page) => before.has(page))
        ? before
        : after;
    });
  }, [seen, rows, wanted]);
  const due = items.map((item) => rows[item.index]).find((row) => row?.kind === "MORE");
  useEffect(() => {
    const token = due?.token;
    if (due && token)
      setPages((before) => ({
        ...before,
        [due.name]: [...new Set([...(before[due.name] ?? []), token])],
      }));
  }, [due]);

  // What the address shows is brought into sight once, when it is there.
  const revealed = useRef("");
  useEffect(() => {
    if (revealed.current === selected) return;
    const index = selected
      ? rows.findIndex((row) => row.name === selected && row.kind in DEPTH)
      : -1;
    if (index < 0) return;
    revealed.current = selected;
    setAt(index);
    const { startIndex = 0, endIndex = 0 } = virtualizer.range ?? {};
    if (index <= startIndex || index >= endIndex) virtualizer.scrollToIndex(index);
  }, [rows, selected, virtualizer]);

  const go = (row: Node | undefined) => {
    const path = row ? securablePath(row.kind, row.name) : null;
    if (path) void navigate(path);
  };
  const move = (index: number) => {
    const next = Math.min(Math.max(index, 0), rows.length - 1);
    setAt(next);
    virtualizer.scrollToIndex(next);
  };
  const press = (event: KeyboardEvent) => {
    const row = rows[at];
    const expandable = row !== undefined && (row.kind === "CATALOG" || row.kind === "SCHEMA");
    const expanded = row !== undefined && open.has(row.name);
    if (event.key === "ArrowDown") move(at + 1);
    else if (event.key === "ArrowUp") move(at - 1);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(rows.length - 1);
    else if (event.key === "ArrowRight" && expandable) {
      if (expanded) move(at + 1);
      else setExpanded(row.name, true);
    } else if (event.key === "ArrowLeft" && row) {
      if (expanded) setExpanded(row.name, false);
      else
        move(
          Math.max(
            rows.slice(0, at).findLastIndex((above) => above.level < row.level),
            0,
          ),
        );
    } else if (event.key === "Enter" || event.key === " ") go(row);
    else return;
    event.preventDefault();
  };

  return (
    // A tree of any length is one tab stop; the row that keys act on is told by aria-activedescendant.
    <div
      ref={scroller}
      className="tree"
      role="tree"
      aria-label="Catalogs, schemas and models"
      tabIndex={0}
      aria-activedescendant={rows[at] ? `tree-${at}` : undefined}
      onKeyDown={press}
    >
      <div role="presentation" style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
        {items.map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          const plain = !(row.kind in DEPTH);
          const expanded =
            row.kind === "CATALOG" || row.kind === "SCHEMA" ? open.has(row.name) : undefined;
          const style = {
            height: ROW,
            top: item.start,
            paddingInlineStart: 4 + (row.level - 1) * 16,
          };
          if (plain)
            return (
              <div
                key={item.key}
                role="treeitem"
                aria-selected={false}
                id={`tree-${item.index}`}
                aria-level={row.level}
                className="tree-row"
                style={style}
                aria-label={row.text ?? "Loading"}
                tabIndex={-1}
              >
                <span className="twist">{row.kind === "MORE" ? <IconDots size={14} /> : null}</span>
                {row.text ? (
                  <Text span size="xs" c="dimmed" title={row.text}>
                    {row.text}
                  </Text>
                ) : (
                  <Skeleton height={12} width="60%" />
                )}
              </div>
            );
          return (
            <div
              key={item.key}
              id={`tree-${item.index}`}
              role="treeitem"
              tabIndex={-1}
              aria-level={row.level}
              aria-expanded={expanded}
              aria-selected={row.name === selected}
              aria-label={lastPart(row.name)}
              className={item.index === at ? "tree-row at" : "tree-row"}
              style={style}
              title={visible(row.name)}
              onClick={() => {
                setAt(item.index);
                if (expanded === false) setExpanded(row.name, true);
                go(row);
              }}
              onKeyDown={undefined}
            >
              <span
                className="twist"
                aria-hidden
                onClick={(event) => {
                  event.stopPropagation();
                  if (expanded !== undefined) setExpanded(row.name, !expanded);
                }}
              >
                {expanded === undefined ? null : expanded ? (
                  <IconChevronDown size={15} />
                ) : (
                  <IconChevronRight size={15} />
                )}
              </span>
              <span className="kind" aria-hidden>
                <KindIcon kind={row.kind} size={16} />
              </span>
              <span>{visible(lastPart(row.name))}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}
