import { defineConfig } from "vitest/config";

// The pure modules run in Node, without a browser: tests/setup.ts has the few globals that they read.
export default defineConfig({
  test: { isolate: false, include: ["tests/**/*.test.ts"], setupFiles: ["tests/setup.ts"] },
});
