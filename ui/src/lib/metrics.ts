/** A metric's value, and at which step it was logged. */
export const metricText = (metric: { value: number | string; step?: number }) =>
  `${formatNumber(metric.value)}${metric.step ? ` (step ${metric.step})` : ""}`;

export const formatNumber = (value: number | string) =>
  typeof value === "number" ? Number(value.toPrecision(6)).toString() : value;

/** A metric's key, and the dataset that it was measured on. */
export const metricName = (metric: { key: string; dataset_name?: string }) =>
  metric.key + (metric.dataset_name ? ` (${metric.dataset_name})` : "");
