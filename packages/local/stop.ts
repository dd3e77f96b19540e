/** Runs a program. Its error is a sentence for the user. */
export function run(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}

const PARENT_CHECK_MS = 500;

/** Calls `stop` once: at Ctrl-C, at SIGTERM, or when npm has ended, because npm's shell passes no signal on. */
export function onStop(stop: () => void): void {
  const parent = process.ppid;
  const once = () => {
    clearInterval(watch);
    // A terminal signals the whole process group and npm passes the signal on, so a second one is ignored.
    for (const signal of signals) process.off(signal, once).on(signal, () => {});
    stop();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, once);
  const watch = setInterval(() => process.ppid !== parent && once(), PARENT_CHECK_MS).unref();
  if (process.env.npm_lifecycle_event === undefined) clearInterval(watch);
}
