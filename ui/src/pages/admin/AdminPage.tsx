import { Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useRef } from "react";
import { useNavigate } from "react-router";

import { me } from "../../api/me";
import { useTabInSight } from "../../lib/focus";
import { adminPath, home } from "../../paths";
import { EmptyState } from "../../ui/EmptyState";
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

const AUDIENCE: Partial<Record<(typeof SECTIONS)[number][0], string>> = {
  tags: "Only account admins and principals who manage a governed tag see this page.",
  audit: "Only account admins and members of the auditors' group read the audit log.",
};

/** A page of the administration: its tabs, for account admins. */
export function AdminPage({
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
  const { data: user } = useQuery(me);
  const title = SECTIONS.find(([value]) => value === section)?.[1] ?? "";
  // Auditors and managers of governed tags have one page each.
  const mayOpenSection =
    (section === "audit" && user?.reads_audit) || (section === "tags" && user?.governs_tags);
  if (user && !user.account_admin && mayOpenSection)
    return (
      <Page title={title} actions={actions}>
        {children}
      </Page>
    );
  if (user && !user.account_admin)
    return (
      <Page title={title} crumbs={[{ label: "Catalogs", to: home }]}>
        <EmptyState title="For account admins">
          {AUDIENCE[section] ?? "Only account admins manage principals and workspaces."} Ask an
          account admin.
        </EmptyState>
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
