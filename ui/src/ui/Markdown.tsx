import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";

import { upright } from "./text";

// Raw HTML is shown as text, links lose any scheme that could run something, and pictures, which would tell another server
// who reads this, become links.
const COMPONENTS: Components = {
  img: ({ src, alt }) => (
    <a href={typeof src === "string" ? src : undefined} rel="noreferrer noopener nofollow" target="_blank">
      {alt || "image"}
    </a>
  ),
  a: ({ href, children }) => (
    <a href={href} rel="noreferrer noopener nofollow" target="_blank">
      {children}
    </a>
  ),
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
        {upright(text)}
      </ReactMarkdown>
    </div>
  );
}
