import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";

import { escapeBidi } from "../lib/text";

// Raw HTML becomes text, and links lose schemes that could run code. Pictures become links, because loading them would
// reveal the reader to another server.
const COMPONENTS: Components = {
  img: ({ src, alt }) => (
    <a
      href={typeof src === "string" ? src : undefined}
      rel="noreferrer noopener nofollow"
      target="_blank"
    >
      {alt || "image"}
    </a>
  ),
  a: ({ href, children }) => (
    <a href={href} rel="noreferrer noopener nofollow" target="_blank">
      {children}
    </a>
  ),
  // The box of a task list has a label. Wide code and tables can be scrolled with the keyboard.
  input: ({ checked }) => (
    <input
      type="checkbox"
      disabled
      checked={checked === true}
      readOnly
      aria-label={checked ? "Done" : "To do"}
    />
  ),
  pre: ({ children }) => <pre tabIndex={0}>{children}</pre>,
  table: ({ children }) => <table tabIndex={0}>{children}</table>,
  h1: "h3",
  h2: "h3",
  h3: "h4",
  h4: "h5",
  h5: "h6",
};
const PLUGINS = [remarkGfm];

export default function Markdown({ text }: { text: string }) {
  return (
    <div className="markdown">
      <ReactMarkdown components={COMPONENTS} remarkPlugins={PLUGINS}>
        {escapeBidi(text)}
      </ReactMarkdown>
    </div>
  );
}
