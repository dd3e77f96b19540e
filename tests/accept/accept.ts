import { type Accepted, STEPS } from './steps';

interface Outcome {
  name: string;
  ok: boolean;
  what: string;
}

/** Runs the steps one after another, then undoes what is left. `say` gets a line for each, and the page has them all. */
export async function accept(
  context: Omit<Accepted, 'sleep' | 'undo'>,
  { title, say, signal, only }: { title: string; say: (line: string) => void; signal: AbortSignal; only?: string[] },
): Promise<{ ok: boolean; text: string }> {
  const outcomes: Outcome[] = [];
  const left: [what: string, act: () => Promise<unknown>][] = [];
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('interrupted')), { once: true }),
  );
  aborted.catch(() => {});
  const sleep = (ms: number) => {
    signal.throwIfAborted();
    return Promise.race([context.deps.clock.sleep(ms), aborted]);
  };
  const done = (outcome: Outcome) => {
    outcomes.push(outcome);
    say(lineOf(outcome));
  };
  const tried = async (name: string, act: () => Promise<string>) => {
    try {
      done({ name, ok: true, what: await act() });
    } catch (error) {
      done({ name, ok: false, what: error instanceof Error ? error.message : String(error) });
    }
  };
  const step = (name: string) => STEPS[name]?.({ ...context, sleep, undo: (...one) => void left.push(one) });
  for (const name of Object.keys(STEPS).filter((one) => only?.includes(one) ?? true)) {
    if (signal.aborted) done({ name, ok: false, what: 'not run: interrupted' });
    else await tried(name, async () => (await step(name)) ?? '');
  }
  for (const [what, act] of left.toReversed()) await tried('clean-up', async () => act().then(() => what));
  const good = outcomes.filter(({ ok }) => ok).length;
  const last = `${good} of ${outcomes.length} ok`;
  say(last);
  return { ok: good === outcomes.length, text: [title, '', ...outcomes.map(lineOf), '', last, ''].join('\n') };
}

const lineOf = ({ name, ok, what }: Outcome): string =>
  `${ok ? 'ok    ' : 'failed'}  ${name.padEnd(10)}${what.trim().replaceAll(/\s+/g, ' ')}`;
