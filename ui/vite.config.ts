import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

import { thirdPartyNotices } from "./notices.ts";
import { PAGES } from "./src/pages.ts";

/** Writes pages.json: the parts that each address needs, so that the server names them all in the page's head. */
const pagesOf: Plugin = {
  name: "pages",
  generateBundle(_, bundle) {
    const chunks = Object.values(bundle).filter((one) => one.type === "chunk");
    const needed = (file: string, found = new Set<string>()): Set<string> => {
      if (found.has(file)) return found;
      found.add(file);
      for (const next of chunks.find((one) => one.fileName === file)?.imports ?? [])
        needed(next, found);
      return found;
    };
    const pages = Object.entries(PAGES).map(([path, name]) => {
      const page = chunks.find((one) => one.facadeModuleId?.endsWith(`/src/pages/${name}.tsx`));
      if (!page) return this.error(`${path} shows ${name}, which is no page`);
      return { path, files: [...needed(page.fileName)] };
    });
    this.emitFile({ type: "asset", fileName: "pages.json", source: JSON.stringify(pages) });
  },
};

/** Fails where the code names a class of Mantine's whose styles are not imported. */
const stylesOf: Plugin = {
  name: "styles",
  async generateBundle(_, bundle) {
    const classes = (text: string) => new Set(text.match(/\bm_[0-9a-f]{6,9}\b/g));
    const all = classes(
      await this.fs.readFile((await this.resolve("@mantine/core/styles.css"))?.id ?? "", {
        encoding: "utf8",
      }),
    );
    const parts = Object.values(bundle);
    const styled = classes(
      parts
        .map((one) =>
          one.type === "asset" && one.fileName.endsWith(".css") ? String(one.source) : "",
        )
        .join(),
    );
    const used = classes(parts.map((one) => (one.type === "chunk" ? one.code : "")).join());
    const bare = [...used].filter((name) => all.has(name) && !styled.has(name));
    if (bare.length > 0)
      this.error(
        `src/styles.ts lacks the styles of ${bare.join(", ")}: look in @mantine/core/styles`,
      );
  },
};

// No inlined assets and no polyfill: the server's policy allows neither data: scripts nor inline ones.
export default defineConfig({
  base: "/explore/",
  plugins: [react(), pagesOf, stylesOf, thirdPartyNotices],
  build: {
    outDir: "../src/modelkeep/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        // What nearly every page needs comes as two parts, not as thirty: the libraries, which seldom change, and our own.
        codeSplitting: {
          groups: [
            {
              name: "base",
              test: /node_modules.(react|react-dom|scheduler|react-router|@tanstack|@floating-ui|openapi-fetch|clsx)\//,
              priority: 2,
            },
            {
              name: "shared",
              test: /src.(ui|components|dialogs|lib|api|paths)|@mantine.(core|hooks)|@tabler/,
              minShareCount: 5,
            },
          ],
        },
      },
    },
  },
});
