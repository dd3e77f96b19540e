/** Ports whose calls take time and are counted. */
export interface Calls {
  counts: ReadonlyMap<string, number>;
  port<T extends object>(target: string, port: T): T;
}

export function countedCalls({
  sleep,
  costs,
}: {
  sleep: (ms: number) => Promise<void>;
  costs: Record<string, number>;
}): Calls {
  const counts = new Map<string, number>();
  return {
    counts,
    port: <T extends object>(target: string, port: T): T => {
      const costly = Object.entries(port).map(([method, call]) => [
        method,
        async (...given: unknown[]) => {
          const name = `${target}.${method}`;
          counts.set(name, (counts.get(name) ?? 0) + 1);
          await sleep(costs[target] ?? 0);
          return (call as (...given: unknown[]) => unknown)(...given);
        },
      ]);
      return Object.fromEntries(costly) as T;
    },
  };
}
