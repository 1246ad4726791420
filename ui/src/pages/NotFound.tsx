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
        It may have been renamed or deleted. The search above finds what you may see.
      </EmptyState>
    </Page>
  );
}
