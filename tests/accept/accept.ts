import { type Accepted, STEPS } from './steps';

/** Runs the steps one after another, then undoes what is left. `say` gets a line for each, and the page has them all. */
export async function accept(
  context: Omit<Accepted, 'sleep' | 'undo'>,
  { title, say, signal, only }: { title: string; say: (line: string) => void; signal: AbortSignal; only?: string[] },
): Promise<{ ok: boolean; text: string }> {
  const lines: string[] = [];
  let good = 0;
  const left: [what: string, act: () => Promise<unknown>][] = [];
  const done = (name: string, ok: boolean, what: string) => {
    if (ok) good++;
    const line = `${ok ? 'ok    ' : 'failed'}  ${name.padEnd(10)}${what.trim().replaceAll(/\s+/g, ' ')}`;
    lines.push(line);
    say(line);
  };
  const tried = (name: string, act: () => Promise<string>) =>
    act().then(
      (what) => done(name, true, what),
      (error: unknown) => done(name, false, error instanceof Error ? error.message : String(error)),
    );
  const sleep = async (ms: number) => {
    await context.deps.clock.sleep(ms, signal);
    if (signal.aborted) throw new Error('interrupted');
  };
  const given = { ...context, sleep, undo: (...one: (typeof left)[number]) => void left.push(one) };
  for (const [name, step] of Object.entries(STEPS).filter(([one]) => only?.includes(one) ?? true)) {
    if (signal.aborted) done(name, false, 'not run: interrupted');
    else await tried(name, () => step(given));
  }
  for (const [what, act] of left.toReversed()) await tried('clean-up', async () => act().then(() => what));
  const last = `${good} of ${lines.length} ok`;
  say(last);
  return { ok: good === lines.length, text: [title, '', ...lines, '', last, ''].join('\n') };
}
