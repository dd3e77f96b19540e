/** How often to look whether npm still runs, ms. */
const LOOK_MS = 500;

/**
 * Calls `stop` once: at Ctrl-C, at SIGTERM, or when npm has ended. npm signals only the shell between it and this process,
 * and that shell passes nothing on.
 */
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
