/** Parts of a page whose code is loaded when they are shown. */

import { type ComponentType, lazy } from "react";

import { loadModule } from "../api/connection";

export const lazyComponent = <Props>(load: () => Promise<{ default: ComponentType<Props> }>) =>
  lazy(() => loadModule(load));
