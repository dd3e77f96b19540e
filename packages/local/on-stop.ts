const LOOK_MS = 500;

/** Calls `stop` once: at Ctrl-C, at SIGTERM, or when npm has ended, because npm's shell passes no signal on. */
export function onStop(stop: () => void, { env = process.env }: { env?: NodeJS.ProcessEnv } = {}): void {
  const parent = process.ppid;
  const watch = env.npm_lifecycle_event === undefined ? undefined : setInterval(look, LOOK_MS);
  const signals = ['SIGINT', 'SIGTERM'] as const;
  let stopping = false;

  function once(): void {
    clearInterval(watch);
    // A terminal signals the whole process group and npm passes the signal on, so ignore the second one.
    if (stopping) return;
    stopping = true;
    stop();
  }
  function look(): void {
    if (process.ppid !== parent) once();
  }
  for (const signal of signals) process.on(signal, once);
}
