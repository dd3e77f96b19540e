import type { memoryEngine } from './engine';

/** What ends an invocation at one of its calls, as a time-out or a crash does. */
export interface Kills {
  /** Stand before and after every call out of a function. */
  before: () => Promise<void> | undefined;
  after: () => Promise<void> | undefined;
  /** Runs an invocation that dies at its n-th call, before or after the call takes effect; `undefined`: it lives. */
  run(invocation: () => Promise<unknown>, kill?: { call: number; when: 'before' | 'after' }): Promise<'done' | 'died'>;
}

/** The first run of a service's one job dies at a call of it; then time goes on and everything runs to its end. */
export async function killFirstRun<S extends { engine: ReturnType<typeof memoryEngine>; close(): Promise<void> }>(
  service: S,
  { kills, ...kill }: { kills: Kills; call: number; when: 'before' | 'after' },
): Promise<S & { outcome: 'done' | 'died' }> {
  const { engine } = service;
  const outcome = await kills.run(() => engine.deliver(1), kill);
  engine.clock.advance(300_000);
  await engine.drain({ batch: 1 });
  await service.close();
  return { ...service, outcome };
}

const never = new Promise<never>(() => {});

/**
 * Kills of invocations whose calls all settle in microtasks. A dead one never comes back: its calls neither answer nor,
 * from then on, take effect.
 */
export function createKills(): Kills {
  const calls = { before: 0, after: 0 };
  let planned: { call: number; when: 'before' | 'after' } | undefined;
  let dead = false;
  let die = () => {};
  const hook = (when: 'before' | 'after') => () => {
    calls[when]++;
    if (!dead && planned?.when === when && planned.call === calls[when]) {
      dead = true;
      die();
    }
    return dead ? never : undefined;
  };
  return {
    before: hook('before'),
    after: hook('after'),
    async run(invocation, kill) {
      Object.assign(calls, { before: 0, after: 0 });
      planned = kill;
      dead = false;
      const death = new Promise<'died'>((resolve) => {
        die = () => resolve('died');
      });
      const end = await Promise.race([invocation().then(() => 'done' as const), death]);
      // Whatever of it is still going on comes to its next call now, and stays there.
      await new Promise((resolve) => setImmediate(resolve));
      planned = undefined;
      dead = false;
      return end;
    },
  };
}
