/** `small` shows in seconds that a benchmark still works. Its figures mean nothing. */
export type Size = 'full' | 'small';

/** A table with a row for each of these. A column has a head, and what it shows of a row. */
export const tableOf = <T>(
  rows: readonly T[],
  ...columns: [head: string, show: (row: T) => string | number | undefined][]
): string => {
  const head = columns.map(([name]) => name);
  const cells = rows.map((row) => columns.map(([, show]) => show(row) ?? ''));
  return table(head, cells);
};

/** A table of text. The first column is aligned left, the others right. */
export function table(head: string[], rows: (string | number)[][]): string {
  const cells = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.slice(1).map(line)].join('\n');
}

export const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** The value below which a part of the values lies. 1: the largest. */
export const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0;

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/**
 * What the act answers for each rival in each round. They take turns, so that a busy machine slows all of them. The
 * rounds of the warm-up count for nothing, because the code is still being compiled.
 */
export async function inTurns<Name extends string, R, T>(
  rivals: Record<Name, R>,
  act: (rival: R) => T | Promise<T>,
  { rounds, warmUp = 1 }: { rounds: number; warmUp?: number },
): Promise<Record<Name, T[]>> {
  const answers: [name: string, all: T[]][] = Object.keys(rivals).map((name) => [name, []]);
  for (let round = 0; round < warmUp + rounds; round++)
    for (const [name, all] of answers) {
      const answer = await act(rivals[name as Name]);
      if (round >= warmUp) all.push(answer);
    }
  return Object.fromEntries(answers) as Record<Name, T[]>;
}

/** Does something, and says how long it took and how much CPU time this process or its `thread` used meanwhile. */
export async function timed(
  act: () => Promise<unknown>,
  { thread = false } = {},
): Promise<{ ms: number; cpuMs: number }> {
  const used = (before?: NodeJS.CpuUsage) => (thread ? process.threadCpuUsage(before) : process.cpuUsage(before));
  const from = performance.now();
  const before = used();
  await act();
  const { user, system } = used(before);
  return { ms: performance.now() - from, cpuMs: (user + system) / 1_000 };
}
