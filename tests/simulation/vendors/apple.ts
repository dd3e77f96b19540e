import { type HttpAnswer, translate } from '../../../lib/platform/http';
import {
  type AppStoreConnect,
  answered,
  appStoreConnect,
  appStoreConnectOver,
  type Call,
  effectOf,
} from '../../../lib/queues/testflight/app-store-connect';
import type { Process } from '../world/calls';
import type { World } from '../world/types';
import { FORBIDDEN_TESTER, isOk, notingDoubt } from './vendors';

export const SETTLE_AFTER_MS = 30_000;

/** App Store Connect for one job of one process: the real adapter over the model. */
export function appleOf(world: World, process: Process, job: string): AppStoreConnect {
  const answerTo = <T>(made: Call<T>): Promise<T> => {
    const effect = () => answered(made, reply(world, job, made));
    const { timeoutMs } = made;
    return world.call({ process, target: 'apple', method: nameOf(made), timeoutMs, effect }).catch((error: unknown) => {
      const now = world.kernel.now() + process.skew;
      throw translate(error, { dialect: appStoreConnect, effect: effectOf(made), now });
    });
  };
  return appStoreConnectOver({
    call: (made) => notingDoubt(world.inDoubt, job, () => answerTo(made)),
    waitMs: () => 0,
  });
}

/** Answers from the model and records the effects for the job. */
function reply({ vendors: { apple }, watch }: World, job: string, { method, path, body }: Call): HttpAnswer {
  const url = new URL(path, 'http://apple');
  const before = { mails: apple.mails.length, testers: apple.testers.length };
  if (body !== undefined && JSON.stringify(body).includes(FORBIDDEN_TESTER))
    return { status: 403, headers: {}, body: {} };
  const { status, headers, json } = apple.handle({
    method,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    body: body === undefined ? '' : JSON.stringify(body),
  });
  if (apple.testers.length > before.testers) watch.effect('tester', job, false);
  if (isOk({ status, headers }) && method === 'DELETE') watch.effect('removal', job, false);
  if (isOk({ status, headers }) && nameOf({ method, path }) === 'addToGroup') watch.effect('membership', job, false);
  if (apple.mails.length > before.mails)
    watch.effect(apple.mails.at(-1)?.kind === 'build' ? 'build mail' : 'invitation', job, true);
  return { status, headers, body: json };
}

const NAMES: readonly [string, RegExp][] = [
  ['probe', /^GET \/v1\/apps\?/],
  ['findTester', /^GET \/v1\/betaTesters\?/],
  ['createTester', /^POST \/v1\/betaTesters$/],
  ['groupsOf', /^GET \/v1\/betaTesters\//],
  ['addToGroup', /^POST \/v1\/betaGroups\//],
  ['removeFromGroup', /^DELETE \/v1\/betaGroups\//],
  ['removeFromApp', /^DELETE \/v1\/apps\//],
  ['invite', /^POST \/v1\/betaTesterInvitations$/],
  ['notifyBuild', /^POST \/v1\/buildBetaNotifications$/],
];

const nameOf = ({ method, path }: Pick<Call, 'method' | 'path'>): string =>
  NAMES.find(([, pattern]) => pattern.test(`${method} ${path}`))?.[0] ?? 'other';
