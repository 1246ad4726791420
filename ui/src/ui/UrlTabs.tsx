import { Tabs as MantineTabs } from "@mantine/core";
import { type ReactNode, Suspense, useRef } from "react";
import { useSearchParams } from "react-router";

import { useTabInSight } from "../lib/focus";
import { LoadingSkeleton } from "./Skeletons";

export interface Tab {
  value: string;
  label: string;
  count?: number;
  render: () => ReactNode;
}

/** Tabs that keep the choice in the address. */
export function UrlTabs({ tabs }: { tabs: Tab[] }) {
  const [params, setParams] = useSearchParams();
  const requested = params.get("tab");
  const active = tabs.some((tab) => tab.value === requested) ? requested : tabs[0]?.value;
  const choose = (value: string | null) => {
    const next = new URLSearchParams(params);
    if (value === null || value === tabs[0]?.value) next.delete("tab");
    else next.set("tab", value);
    setParams(next, { replace: true });
  };
  const list = useRef<HTMLDivElement>(null);
  useTabInSight(list, active, tabs.length);
  return (
    <MantineTabs value={active ?? null} onChange={choose} keepMounted={false}>
      <MantineTabs.List ref={list} mb="md" className="tabs">
        {tabs.map((tab) => (
          <MantineTabs.Tab key={tab.value} value={tab.value}>
            {tab.label}
            {tab.count === undefined ? null : <span className="count"> {tab.count}</span>}
          </MantineTabs.Tab>
        ))}
      </MantineTabs.List>
      {tabs.map((tab) => (
        <MantineTabs.Panel key={tab.value} value={tab.value}>
          <Suspense fallback={<LoadingSkeleton />}>
            {tab.value === active ? tab.render() : null}
          </Suspense>
        </MantineTabs.Panel>
      ))}
    </MantineTabs>
  );
}
