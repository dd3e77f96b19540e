import { SingleBar } from 'cli-progress';

/** Shows the progress of the demo. */
export interface Progress {
  /** Reports that `what` has a new state. `done` is the number of finished items. */
  report(news: { what: string; state: string; done: number; waitingFor: string }): void;
  stop(): void;
}

/** Draws a bar on a terminal. Elsewhere it writes a line for each change, because a log cannot show a bar. */
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
