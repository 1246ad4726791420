import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

import { thirdPartyNotices } from "./notices.ts";
import { PAGES } from "./src/pages.ts";

/** Writes pages.json: the files that each address needs. The server names them in the page's head. */
const pageFiles: Plugin = {
  name: "pages",
  generateBundle(_, bundle) {
    const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
    const withImports = (fileName: string, files = new Set<string>()): Set<string> => {
      if (files.has(fileName)) return files;
      files.add(fileName);
      for (const imported of chunks.find((chunk) => chunk.fileName === fileName)?.imports ?? [])
        withImports(imported, files);
      return files;
    };
    const pages = Object.entries(PAGES).map(([path, name]) => {
      const page = chunks.find((chunk) => chunk.facadeModuleId?.endsWith(`/src/pages/${name}.tsx`));
      if (!page) return this.error(`${path} shows ${name}, which is no page`);
      return { path, files: [...withImports(page.fileName)] };
    });
    this.emitFile({ type: "asset", fileName: "pages.json", source: JSON.stringify(pages) });
  },
};

/** Fails if the code uses a class of Mantine whose styles are not imported. */
const checkStyles: Plugin = {
  name: "styles",
  async generateBundle(_, bundle) {
    const classes = (text: string) => new Set(text.match(/\bm_[0-9a-f]{6,9}\b/g));
    const all = classes(
      await this.fs.readFile((await this.resolve("@mantine/core/styles.css"))?.id ?? "", {
        encoding: "utf8",
      }),
    );
    const files = Object.values(bundle);
    const styled = classes(
      files
        .map((file) =>
          file.type === "asset" && file.fileName.endsWith(".css") ? String(file.source) : "",
        )
        .join(),
    );
    const used = classes(files.map((file) => (file.type === "chunk" ? file.code : "")).join());
    const unstyled = [...used].filter((name) => all.has(name) && !styled.has(name));
    if (unstyled.length > 0)
      this.error(
        `src/styles.ts lacks the styles of ${unstyled.join(", ")}: look in @mantine/core/styles`,
      );
  },
};

// No inlined assets and no polyfill, because the server's policy allows neither data: scripts nor inline scripts.
export default defineConfig({
  base: "/explore/",
  plugins: [react(), pageFiles, checkStyles, thirdPartyNotices],
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
        // Nearly every page needs these. Two files instead of thirty: the libraries, which seldom change, and our own code.
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
