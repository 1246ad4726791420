import { Anchor, Box, Breadcrumbs, Group, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { Link } from "react-router";

import { visible } from "../lib/text";
import { CopyButton } from "./CodeBlock";

export interface Crumb {
  label: string;
  to: string;
}

interface Props {
  title: string;
  /** The word before the title, for screen readers. */
  kind?: string | undefined;
  icon?: ReactNode;
  crumbs?: Crumb[];
  /** The text that the copy button copies. */
  copy?: string;
  badge?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of a page: breadcrumbs, title and actions. */
export function Page({ title, kind, icon, crumbs = [], copy, badge, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Modelkeep`;
  }, [title]);
  const long = title.length > 40;
  return (
    <Box p={{ base: "sm", sm: "lg" }} className="page">
      {crumbs.length > 0 ? (
        <Breadcrumbs component="nav" aria-label="Breadcrumbs" mb={6} className="crumbs">
          {crumbs.map((crumb) => (
            <Anchor component={Link} key={crumb.to} to={crumb.to} size="sm">
              {visible(crumb.label)}
            </Anchor>
          ))}
        </Breadcrumbs>
      ) : null}
      <Group justify="space-between" align="flex-start" mb="md" gap="sm">
        <Group gap="xs" wrap="nowrap" className="grow" align={long ? "flex-start" : "center"}>
          {icon ? (
            <Box c="dimmed" className="fixed">
              {icon}
            </Box>
          ) : null}
          <Title
            order={1}
            size={long ? "h4" : "h2"}
            className="anywhere"
            aria-label={kind ? `${kind} ${title}` : undefined}
          >
            {visible(title)}
          </Title>
          {copy ? <CopyButton text={copy} label="Copy the full name" /> : null}
          {badge}
        </Group>
        {actions ? <Group className="actions">{actions}</Group> : null}
      </Group>
      {children}
    </Box>
  );
}
