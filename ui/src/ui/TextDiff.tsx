import { diffLines } from "../lib/diffLines";
import { visible } from "../lib/text";

const MARKS = { same: " ", removed: "-", added: "+" } as const;

/** The lines that a change removes and adds. */
export function TextDiff({ before, after }: { before: string; after: string }) {
  return (
    <pre
      className="preview panel"
      tabIndex={0}
      role="region"
      aria-label="Differences"
      style={{ maxHeight: 220, overflowY: "auto" }}
    >
      {diffLines(before, after).map((line, index) => (
        <div key={index} className={line.kind === "same" ? undefined : `diff-${line.kind}`}>
          {MARKS[line.kind]} {visible(line.text)}
        </div>
      ))}
    </pre>
  );
}
