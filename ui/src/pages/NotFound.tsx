import { Anchor } from "@mantine/core";
import { Link } from "react-router";

import { home } from "../paths";
import { EmptyState } from "../ui/EmptyState";
import { Page } from "../ui/Page";

export default function NotFound() {
  return (
    <Page title="There is no such page">
      <EmptyState
        title="Nothing is at this address"
        action={
          <Anchor component={Link} to={home}>
            Go to the start page
          </Anchor>
        }
      >
        Somebody may have renamed or deleted it. Use the search above to look for it.
      </EmptyState>
    </Page>
  );
}
