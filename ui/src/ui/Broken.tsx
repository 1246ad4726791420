import { Box } from "@mantine/core";
import { Component, type ReactNode } from "react";

import { Failure } from "./Failure";

/** Where a page itself has failed: the rest of the shell stays. A class, since React knows no other way. */
export class Broken extends Component<
  { at: string; children: ReactNode },
  { at: string; error: unknown }
> {
  override state = { at: this.props.at, error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  /** Another address is another page. */
  static getDerivedStateFromProps({ at }: { at: string }, state: { at: string }) {
    return at === state.at ? null : { at, error: null };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <Box p="lg">
        <Failure error={this.state.error} retry={() => location.reload()} />
      </Box>
    );
  }
}
