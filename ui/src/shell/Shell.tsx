import {
  ActionIcon,
  Badge,
  Burger,
  Group,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure, useHotkeys } from "@mantine/hooks";
import {
  IconFlask,
  IconHistory,
  IconHome,
  IconInbox,
  IconKey,
  IconMoon,
  IconShieldCog,
  IconSun,
  IconTags,
} from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef } from "react";
import { Link, NavLink, useLocation } from "react-router";

import { accessRequests } from "../api/access";
import { me } from "../api/me";
import { useFocusOnArrival } from "../lib/focus";
import { adminPath, experimentsPath, home, requestsPath, tokensPath } from "../paths";
import { AccountMenu } from "./AccountMenu";
import { ConnectionBanner } from "./ConnectionBanner";
import { SearchBox } from "./SearchBox";
import { Tree } from "./Tree";
import { WorkspaceMenu } from "./WorkspaceMenu";

function NavItem({
  to,
  icon,
  children,
  end,
}: {
  to: string;
  icon: ReactNode;
  children: ReactNode;
  end?: boolean;
}) {
  return (
    <NavLink to={to} end={end} className={({ isActive }) => `nav-link${isActive ? " active" : ""}`}>
      {icon}
      {children}
    </NavLink>
  );
}

function ColorSchemeToggle() {
  const scheme = useComputedColorScheme("light");
  const { setColorScheme } = useMantineColorScheme();
  const next = scheme === "dark" ? "light" : "dark";
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={`Use ${next} colours`}
      onClick={() => setColorScheme(next)}
    >
      {scheme === "dark" ? <IconSun size={19} /> : <IconMoon size={19} />}
    </ActionIcon>
  );
}

export function Shell({ children }: { children: ReactNode }) {
  const [opened, { toggle, close }] = useDisclosure(false);
  const { pathname } = useLocation();
  const { data } = useQuery(me);
  const pendingRequests = useInfiniteQuery({
    ...accessRequests("PENDING"),
    refetchInterval: 120_000,
  });
  const toDecide = (pendingRequests.data?.pages ?? [])
    .flatMap((page) => page.access_requests)
    .filter((request) => request.to_decide).length;
  const burger = useRef<HTMLButtonElement>(null);
  useEffect(close, [pathname, close]);
  useFocusOnArrival(pathname, "main");
  const leave = () => {
    close();
    burger.current?.focus();
  };
  useHotkeys(opened ? [["Escape", leave]] : []);
  return (
    <>
      <header className="shell-header">
        <Group gap="sm" wrap="nowrap">
          <a className="skip" href="#main">
            Skip to the page
          </a>
          <Burger
            ref={burger}
            opened={opened}
            onClick={toggle}
            hiddenFrom="sm"
            size="sm"
            aria-expanded={opened}
            aria-label={opened ? "Close the navigation" : "Open the navigation"}
          />
          <Link to={home} className="brand" aria-label="Modelkeep, start page">
            <svg width="28" height="28" viewBox="0 0 32 32" aria-hidden>
              <rect width="32" height="32" rx="7" fill="#1d5fbf" />
              <path
                d="M8 23V10l8 6 8-6v13"
                fill="none"
                stroke="#fff"
                strokeWidth="3.2"
                strokeLinecap="round"
                strokeLinejoin="round"
              />
            </svg>
            <Text span inherit visibleFrom="xs">
              Modelkeep
            </Text>
          </Link>
        </Group>
        <SearchBox />
        <Group gap={4} wrap="nowrap">
          <WorkspaceMenu />
          <ColorSchemeToggle />
          <AccountMenu />
        </Group>
      </header>
      <nav className="shell-nav" aria-label="Main" data-open={opened || undefined}>
        <div className="shell-part">
          <NavItem to={home} end icon={<IconHome size={18} />}>
            Home
          </NavItem>
          <NavItem to={experimentsPath} icon={<IconFlask size={18} />}>
            Experiments
          </NavItem>
        </div>
        <section className="shell-part shell-tree" aria-label="Catalog tree">
          <Tree />
        </section>
        <div className="shell-part nav-foot">
          <div className="foot-links">
            <NavItem to={requestsPath} icon={<IconInbox size={18} />}>
              Access requests
              {toDecide > 0 ? (
                <Badge size="sm" variant="light" aria-label={`${toDecide} to decide`}>
                  {toDecide}
                </Badge>
              ) : null}
            </NavItem>
            <NavItem to={tokensPath} icon={<IconKey size={18} />}>
              Access tokens
            </NavItem>
            {data?.account_admin ? (
              <NavItem to={adminPath("")} icon={<IconShieldCog size={18} />}>
                Administration
              </NavItem>
            ) : (
              <>
                {data?.reads_audit ? (
                  <NavItem to={adminPath("audit")} icon={<IconHistory size={18} />}>
                    Audit log
                  </NavItem>
                ) : null}
                {data?.governs_tags ? (
                  <NavItem to={adminPath("tags")} icon={<IconTags size={18} />}>
                    Governed tags
                  </NavItem>
                ) : null}
              </>
            )}
          </div>
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        <ConnectionBanner />
        {children}
      </main>
    </>
  );
}
