import { SingleBar } from 'cli-progress';

/** Shows how far the demo is. */
export interface Progress {
  /** `what` has reached a new state; `done` of all are at their end. */
  report(news: { what: string; state: string; done: number; waitingFor: string }): void;
  stop(): void;
}

/** A bar on a terminal, else a line for each change: a log has no use for a bar. */
export function startProgress(total: number, unit = 'jobs', output: NodeJS.WriteStream = process.stdout): Progress {
  const begun = Date.now();
  if (!output.isTTY)
    return {
      report: ({ what, state }) =>
        void output.write(`  ${((Date.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${what}: ${state}\n`),
      stop: () => {},
    };
  const bar = new SingleBar({
    format: `  {bar} {value}/{total} ${unit} · {duration} s · waiting for: {waitingFor}`,
    stream: output,
    hideCursor: true,
    barsize: 24,
  });
  bar.start(total, 0, { waitingFor: '' });
  return {
    report: ({ done, waitingFor }) => bar.update(done, { waitingFor }),
    stop: () => bar.stop(),
  };
}
