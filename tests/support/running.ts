import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { PATIENCE_MS } from './patience.cjs';

export type Running = ReturnType<typeof watched>;

/** A process with what it prints. */
export function watched(child: ChildProcess) {
  const events = new EventEmitter();
  let text = '';
  let ended = false;
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      events.emit('any');
    });
  const code = once(child, 'close')
    .then(([code]) => code as number | null)
    .finally(() => {
      ended = true;
      events.emit('any');
    });
  code.catch(() => {});
  /** Resolves once it has printed this. Fails with all that it has printed if it ends before, or does not in time. */
  async function says(what: RegExp): Promise<RegExpExecArray> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const found = what.exec(text);
      if (found) return found;
      if (ended || signal.aborted) throw new Error(`the process ${ended ? 'ended' : 'ran'} without ${what}:\n${text}`);
      await once(events, 'any', { signal }).catch(() => {});
    }
  }
  return {
    /** Also of its process group, if it leads one. */
    pid: child.pid,
    output: () => text,
    says,
    /** Its exit code, `null` if a signal killed it. */
    code,
    /** Ends it by a signal, if it still runs. `group`: with all processes that it has started. */
    end(signal: NodeJS.Signals, { group = false } = {}): Promise<number | null> {
      if (!ended && group) process.kill(-(child.pid as number), signal);
      else if (!ended) child.kill(signal);
      return code;
    },
  };
}
