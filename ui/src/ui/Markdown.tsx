import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";

import { escapeBidi } from "../lib/text";

// Raw HTML is shown as text, links lose any scheme that could run something, and pictures, which would tell another server
// who reads this, become links.
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
  // A task list's box says what it is about, as the item does; code that is wider than the page can be scrolled by keys.
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
