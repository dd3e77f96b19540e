const PARTS = 16;
const RUNS = 10;

/**
 * How many times the CPU time of its 16 parts one text takes. What is linear takes it once, what is quadratic 16 times.
 * The least of some runs counts, because others use the machine as well.
 */
export function growth(read: (text: string) => unknown, text: (length: number) => string): number {
  const least = { whole: Number.POSITIVE_INFINITY, parts: Number.POSITIVE_INFINITY };
  const texts = { whole: [text(16_000)], parts: Array.from({ length: PARTS }, () => text(16_000 / PARTS)) };
  for (let run = 0; run < RUNS; run++)
    for (const which of ['whole', 'parts'] as const) {
      const before = process.cpuUsage();
      for (const one of texts[which]) read(one);
      const { user, system } = process.cpuUsage(before);
      least[which] = Math.min(least[which], user + system);
    }
  return least.whole / Math.max(1, least.parts);
}
