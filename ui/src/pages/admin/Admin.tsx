import { Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useRef } from "react";
import { useNavigate } from "react-router";

import { me } from "../../api/queries";
import { adminPath, home } from "../../paths";
import { Empty } from "../../ui/Empty";
import { useTabInSight } from "../../ui/focus";
import { Page } from "../../ui/Page";

const SECTIONS = [
  ["users", "Users"],
  ["groups", "Groups"],
  ["service-principals", "Service principals"],
  ["tags", "Governed tags"],
  ["workspaces", "Workspaces"],
  ["audit", "Audit log"],
  ["health", "Storage and jobs"],
] as const;

const WHO: Partial<Record<(typeof SECTIONS)[number][0], string>> = {
  tags: "Only they, and those who manage a governed tag, see this page.",
  audit: "Only they, and members of the auditors' group, read the audit log.",
};

/** What account admins have: one page a subject, under one head. */
export function Admin({
  section,
  actions,
  children,
}: {
  section: (typeof SECTIONS)[number][0];
  actions?: ReactNode;
  children: ReactNode;
}) {
  const navigate = useNavigate();
  const list = useRef<HTMLDivElement>(null);
  useTabInSight(list, section, SECTIONS.length);
  const { data: who } = useQuery(me);
  const title = SECTIONS.find(([value]) => value === section)?.[1] ?? "";
  // Auditors and those who govern tags have one page each, and nothing to do on the others.
  const own =
    (section === "audit" && who?.reads_audit) || (section === "tags" && who?.governs_tags);
  if (who && !who.account_admin && own)
    return (
      <Page title={title} actions={actions}>
        {children}
      </Page>
    );
  if (who && !who.account_admin)
    return (
      <Page title={title} crumbs={[{ label: "Catalogs", to: home }]}>
        <Empty title="For account admins">
          {WHO[section] ?? "Only they manage people and workspaces."} Ask an account admin.
        </Empty>
      </Page>
    );
  return (
    <Page
      title={title}
      crumbs={[{ label: "Administration", to: adminPath("users") }]}
      actions={actions}
    >
      <Tabs
        value={section}
        onChange={(value) => void navigate(adminPath(value ?? "users"))}
        activateTabWithKeyboard={false}
      >
        <Tabs.List ref={list} mb="md" className="tabs" aria-label="Administration">
          {SECTIONS.map(([value, label]) => (
            <Tabs.Tab key={value} value={value}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={section}>{children}</Tabs.Panel>
      </Tabs>
    </Page>
  );
}
