import type http from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { type Deployment, OperatorError } from '../../lib/operate/ops/operator';
import type { LocalTools } from '../console/deps';
import { consoleListener } from '../console/serve';
import type { Failure, FakeServer } from './fakes/server';
import { REGION } from './loopback';

/** How a fake fails, from the click until it recovers. */
const FAILURES: Record<string, Failure> = {
  Down: { down: true },
  Slow: { delayMs: 5_000, times: 'forever' },
  'Ask to wait (429)': { status: 429, headers: { 'retry-after': '30' }, body: {}, times: 'forever' },
  'Refuse the key (401)': { status: 401, body: {}, times: 'forever' },
  'Lose answers': { after: 'reset', times: 'forever' },
};

const isThat = (how: string) => (failure: Failure) => isDeepStrictEqual(failure, FAILURES[how]);

const oneOf = <T>(all: Record<string, T>, name: string): T => {
  if (Object.hasOwn(all, name)) return all[name] as T;
  throw new OperatorError(`There is no ${name} here.`);
};

/** The console of the service on this machine. It may act and needs no token: the other ports are as open. */
export function localConsole(deployment: Deployment, fakes: Record<string, FakeServer>): http.RequestListener {
  const local: LocalTools = {
    page: () => ({
      breaks: Object.keys(FAILURES),
      vendors: Object.entries(fakes).map(([name, { failures }]) => ({
        name,
        breaks: Object.keys(FAILURES).filter((how) => failures().some(isThat(how))),
        fails: failures().length > 0,
      })),
    }),
    break: async (name, how) => {
      const { fail, failures, recover } = oneOf(fakes, name);
      if (how === undefined) return recover();
      const others = failures().filter((failure) => !isThat(how)(failure));
      if (others.length === failures().length) return fail(oneOf(FAILURES, how));
      await recover();
      others.forEach(fail);
    },
  };
  const target = { instance: deployment.instance, stage: 'local', region: REGION };
  return consoleListener({ deployment, target, write: true, local });
}
