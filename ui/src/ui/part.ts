/** Parts of a page whose code is loaded when they are shown. */

import { type ComponentType, lazy } from "react";

import { loadPart } from "../api/connection";

export const lazyPart = <Props>(load: () => Promise<{ default: ComponentType<Props> }>) =>
  lazy(() => loadPart(load));
