import { diffLines } from "./difflines";
import { visible } from "./text";

const MARKS = { same: " ", gone: "-", added: "+" } as const;

/** Two texts as one, line by line: what is gone, what is new. */
export function Diff({ before, after }: { before: string; after: string }) {
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
