/** Kills an invocation at one of its calls, as a time-out or a crash does. */
export interface Kills {
  before: () => Promise<void> | undefined;
  after: () => Promise<void> | undefined;
  /** Runs an invocation that dies at its n-th call, before or after the effect. With `undefined` it survives. */
  run(invocation: () => Promise<unknown>, kill?: { call: number; when: 'before' | 'after' }): Promise<'done' | 'died'>;
  /** Kills the invocation that runs. */
  die(): Promise<never>;
}

const never = new Promise<never>(() => {});

/**
 * Kills invocations whose calls all resolve in microtasks. The calls of a dead invocation neither answer nor take
 * effect.
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
    die() {
      dead = true;
      die();
      return never;
    },
    async run(invocation, kill) {
      Object.assign(calls, { before: 0, after: 0 });
      planned = kill;
      dead = false;
      const death = new Promise<'died'>((resolve) => {
        die = () => resolve('died');
      });
      const end = await Promise.race([invocation().then(() => 'done' as const), death]);
      // Any code of the run that still executes reaches its next call now and stops there.
      await new Promise((resolve) => setImmediate(resolve));
      planned = undefined;
      dead = false;
      return end;
    },
  };
}
