import { Tabs } from "@mantine/core";
import { type ReactNode, useRef } from "react";
import { useNavigate } from "react-router";

import { adminPath } from "../../paths";
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

/** What account admins have: one page a subject, under one head. */
export function Admin({ section, actions, children }: { section: (typeof SECTIONS)[number][0]; actions?: ReactNode; children: ReactNode }) {
  const navigate = useNavigate();
  const list = useRef<HTMLDivElement>(null);
  useTabInSight(list, section, SECTIONS.length);
  const title = SECTIONS.find(([value]) => value === section)?.[1] ?? "";
  return (
    <Page title={title} crumbs={[{ label: "Administration", to: adminPath("users") }]} actions={actions}>
      <Tabs value={section} onChange={(value) => void navigate(adminPath(value ?? "users"))} activateTabWithKeyboard={false}>
        <Tabs.List ref={list} mb="md" className="tabs" aria-label="Administration">
          {SECTIONS.map(([value, label]) => <Tabs.Tab key={value} value={value}>{label}</Tabs.Tab>)}
        </Tabs.List>
        <Tabs.Panel value={section}>{children}</Tabs.Panel>
      </Tabs>
    </Page>
  );
}
