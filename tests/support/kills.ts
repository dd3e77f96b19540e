export type Kills = ReturnType<typeof createKills>;

/** The call of an invocation at which it dies, before or after the effect. */
interface Kill {
  call: number;
  when: 'before' | 'after';
}

const never = new Promise<never>(() => {});

/**
 * Kills invocations, as a time-out or a crash does, whose calls all resolve in microtasks. The calls of a dead
 * invocation neither answer nor take effect.
 */
export function createKills() {
  const calls = { before: 0, after: 0 };
  let planned: Kill | undefined;
  let dead = false;
  let die = () => {};
  const hook = (when: Kill['when']) => () => {
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
    /** Kills the invocation that runs. */
    die(): Promise<never> {
      dead = true;
      die();
      return never;
    },
    /** Runs an invocation. Without `kill` it survives. */
    async run(invocation: () => Promise<unknown>, kill?: Kill): Promise<'done' | 'died'> {
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
