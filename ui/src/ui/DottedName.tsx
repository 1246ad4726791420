import { Fragment } from "react";

import { visible } from "../lib/text";

/** A full name that breaks after its dots rather than within a word. */
export function DottedName({ name }: { name: string }) {
  const parts = visible(name).split(".");
  return (
    <span className="anywhere">
      {parts.map((part, index) => (
        <Fragment key={index}>
          {part}
          {index < parts.length - 1 ? (
            <>
              .<wbr />
            </>
          ) : null}
        </Fragment>
      ))}
    </span>
  );
}
