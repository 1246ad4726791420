import { Box } from "@mantine/core";
import { Component, type ReactNode } from "react";

import { ErrorAlert } from "./ErrorAlert";

/** Shows the error of a page that failed to render, and keeps the shell. React needs a class for this. */
export class ErrorBoundary extends Component<
  { pathname: string; children: ReactNode },
  { pathname: string; error: unknown }
> {
  override state = { pathname: this.props.pathname, error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  /** A new address clears the error. */
  static getDerivedStateFromProps({ pathname }: { pathname: string }, state: { pathname: string }) {
    return pathname === state.pathname ? null : { pathname, error: null };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <Box p="lg">
        <ErrorAlert error={this.state.error} retry={() => location.reload()} />
      </Box>
    );
  }
}
