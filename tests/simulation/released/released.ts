import { StoreError } from '../../../lib/errors';
import { OperatorError } from '../../../lib/ops/operator';
import { NoAnswer, NotOk } from '../../../lib/vendors/http';
import type { Process } from '../world/calls';
import { settingsOf } from '../world/deployments';
import { knowsNewer } from '../world/engine';
import type { Target } from '../world/faults';
import { portsOf } from '../world/ports';
import type { Code, World } from '../world/types';
import { kinds, open } from './bundle.cjs';
import type { Answer, Failure, Host } from './host';

/** Whether the released simulation has this queue. */
export const isReleased = (queue: string): boolean => kinds[queue] !== undefined;

/** Runs the released code in a process of today's world. `current` does what the released code does not know. */
export function releasedCode(world: World, process: Process, current: () => Code): Code {
  const { name } = world.queue;
  const code = (newer: boolean) => open(hostOf(world, process, newer));
  const known = () => code(false);
  return {
    handler: (remainingMs) => {
      const { handle } = code(knowsNewer(world));
      return (event) => handle(event, remainingMs);
    },
    reconcile: (times) => known().reconcile(times),
    command: async (...given) => answer(await known().command(...given)),
    resolveStep: async (...given) => answer(await known().settle(...given)),
    control: async (...given) => answer(await known().control(...given)),
    takeEvents: async (events) => answer(await known().takeEvents(events)),
    // It plans no jobs, so its process is never asked.
    cancelPlanned: (id) => current().cancelPlanned(id),
    submit: async (job) =>
      kinds[name]?.includes(job.spec.kind) ? answer(await known().submit(job)) : current().submit(job),
  };
}

function hostOf(world: World, process: Process, newer: boolean): Host {
  const { kernel, plan, lanes, vendors, watch } = world;
  return {
    ports: failing(portsOf(world, process)),
    process,
    start: plan.start,
    now: kernel.now,
    // The rate of mails is part of the released simulation, so a deployment changes it in today's code only.
    lanes: lanes.map((lane) => ({ queue: lane.queue.name, settings: settingsOf(lane, process) })),
    lane: world.queue.name,
    newer,
    share: plan.share,
    call: ({ target, ...call }) => world.call({ ...call, process, target: target as Target }).catch(fail),
    vendors,
    effect: watch.effect,
    accepted: (given) => {
      const mails = vendors.sendgrid.mails.filter((mail) => given.includes(mail));
      for (const listener of world.onMails) listener(mails);
    },
  };
}

/** The ports, with errors in the form that host.ts defines. */
function failing<T extends Record<keyof T, object>>(ports: T): T {
  const port = (methods: object) =>
    Object.fromEntries(
      Object.entries(methods).map(([name, method]) => [
        name,
        (...given: unknown[]) => {
          const result: unknown = method(...given);
          return result instanceof Promise ? result.catch(fail) : result;
        },
      ]),
    );
  return Object.fromEntries(Object.entries<object>(ports).map(([name, methods]) => [name, port(methods)])) as T;
}

function fail(error: unknown): never {
  throw failureOf(error) ?? error;
}

function failureOf(error: unknown): Failure | undefined {
  if (error instanceof StoreError) return { failure: 'store', code: error.code, message: error.message };
  if (error instanceof NoAnswer) return { failure: 'silence', reason: error.reason, sent: error.sent };
  if (!(error instanceof NotOk)) return undefined;
  const { status, headers, body } = error.answer;
  return { failure: 'answer', status, headers: headers as Record<string, string>, body };
}

function answer<T>(given: Answer<T>): T {
  if ('answer' in given) return given.answer;
  const { refused, code, message } = given;
  throw refused === 'store' ? new StoreError({ code, message }) : new OperatorError(message);
}
