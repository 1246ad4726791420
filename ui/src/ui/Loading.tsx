import { Box, Skeleton, Stack, VisuallyHidden } from "@mantine/core";

/** The shape of what is about to come. */
export function Loading({ lines = 4, height = 18 }: { lines?: number; height?: number }) {
  return (
    <Stack gap="sm" role="status" aria-live="polite">
      <VisuallyHidden>Loading</VisuallyHidden>
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} height={height} width={`${92 - ((line * 17) % 45)}%`} />
      ))}
    </Stack>
  );
}

export function PageLoading() {
  return (
    <Box p="md">
      <Skeleton height={14} width={220} mb="md" />
      <Skeleton height={30} width={340} mb="xl" />
      <Loading lines={6} />
    </Box>
  );
}
