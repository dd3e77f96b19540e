const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** A duration in its two largest units: `45 s`, `1 min 30 s`. */
export function duration(seconds: number): string {
  // Another machine's clock may be ahead of ours.
  if (seconds < 0) return '0 s';
  if (seconds < 60) return `${Math.round(seconds * 100) / 100} s`;
  const whole = Math.round(seconds);
  const parts = UNITS.map(([name, size], at) => {
    const [, above = Number.POSITIVE_INFINITY] = UNITS[at - 1] ?? [];
    return { name, count: Math.floor((whole % above) / size) };
  });
  const first = parts.findIndex(({ count }) => count > 0);
  const shown = parts.slice(first, first + 2).filter(({ count }) => count > 0);
  return shown.map(({ name, count }) => `${count} ${name}`).join(' ');
}
