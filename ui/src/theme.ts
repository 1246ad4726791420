import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

const harbour: MantineColorsTuple = [
  "#e9f2fd",
  "#d3e2f6",
  "#a6c4ea",
  "#75a3de",
  "#4e88d4",
  "#3576cd",
  "#1d5fbf",
  "#1a55ab",
  "#114b9a",
  "#004087",
];

export const theme = createTheme({
  primaryColor: "harbour",
  primaryShade: { light: 6, dark: 5 },
  colors: { harbour },
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
  defaultRadius: "sm",
  cursorType: "pointer",
  respectReducedMotion: true,
  autoContrast: true,
  headings: { fontWeight: "600" },
});

/** Stronger shades where Mantine's own miss the contrast of 4.5 to 1. */
export const variables: CSSVariablesResolver = () => {
  const quiet = {
    "--mantine-color-dimmed": "var(--quiet)",
    "--mantine-color-placeholder": "var(--quiet)",
  };
  return { variables: {}, light: quiet, dark: { ...quiet, "--mantine-color-anchor": "#8fb8ee" } };
};
