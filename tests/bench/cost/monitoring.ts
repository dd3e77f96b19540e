/** What alarms, metrics and the dashboard cost, of a bill by service. */
export const monitoringOf = (costs: Record<string, number>): number =>
  ['alarms', 'metrics', 'dashboard'].reduce((sum, name) => sum + (costs[`CloudWatch ${name}`] ?? 0), 0);
