import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// No inlined assets and no polyfill: the server's policy allows neither data: scripts nor inline ones.
export default defineConfig({
  base: "/explore/",
  plugins: [react()],
  build: {
    outDir: "../src/modelkeep/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
});
