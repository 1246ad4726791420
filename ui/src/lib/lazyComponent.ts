/** Components whose code loads when they render. */

import { type ComponentType, lazy } from "react";

import { loadModule } from "../api/connection";

export const lazyComponent = <Props>(load: () => Promise<{ default: ComponentType<Props> }>) =>
  lazy(() => loadModule(load));
