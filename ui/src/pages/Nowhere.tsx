import { Anchor } from "@mantine/core";
import { Link } from "react-router";

import { home } from "../paths";
import { Empty } from "../ui/Empty";
import { Page } from "../ui/Page";

export default function Nowhere() {
  return (
    <Page title="There is no such page">
      <Empty
        title="Nothing is at this address"
        action={
          <Anchor component={Link} to={home}>
            Go to the start page
          </Anchor>
        }
      >
        It may have been renamed or deleted. The search above finds what you may see.
      </Empty>
    </Page>
  );
}
