import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

import type { Securable } from "../lib/securables";
import { type Crumb, Page } from "../ui/Page";
import { PageSkeleton } from "../ui/Skeletons";
import { AccessDenied } from "./AccessDenied";

interface Props<Data> {
  query: UseQueryResult<Data>;
  /** The securable to request access to, where the server refuses to show it. */
  securable: Securable;
  title: string;
  kind?: string;
  crumbs: Crumb[];
  children: (data: Data) => ReactNode;
}

/** A page of one query: a skeleton until the answer, then the page or the reason why it is closed. */
export function QueryPage<Data>({ query, securable, title, kind, crumbs, children }: Props<Data>) {
  if (query.isPending) return <PageSkeleton />;
  if (query.error)
    return (
      <Page title={title} kind={kind} crumbs={crumbs}>
        <AccessDenied
          securable={securable}
          error={query.error}
          retry={() => void query.refetch()}
        />
      </Page>
    );
  return children(query.data);
}
