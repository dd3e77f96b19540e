import { EventEmitter, once } from 'node:events';
import type { JobRow } from '../../lib/engine/jobs/row';
import { listJobs } from '../../lib/operate/ops/search';
import type { Invocation } from '../../packages/local/lambda/runtime';
import { type ServiceOptions, startService } from '../../packages/local/service';
import type { Packaged } from '../../packages/local/template/package';
import { PATIENCE_MS } from './patience.cjs';

type Properties = Record<string, unknown>;

function changed(packaged: Packaged, change: (properties: Properties, type: string) => Properties): Packaged {
  const resources = Object.entries(packaged.resources).map(([id, { Type, Properties = {} }]) => [
    id,
    { Type, Properties: { ...Properties, ...change(Properties, Type) } },
  ]);
  return { ...packaged, resources: Object.fromEntries(resources) };
}

/** Overrides properties of all resources of a type, for example to get short times. */
export const withProperties = (packaged: Packaged, changes: Record<string, Properties>): Packaged =>
  changed(packaged, (_, type) => changes[type] ?? {});

/** Overrides a variable of all functions that have it. */
export const withVariable = (packaged: Packaged, name: string, value: string): Packaged =>
  changed(packaged, ({ Environment }) => {
    const { Variables = {} } = (Environment ?? {}) as { Variables?: Properties };
    return name in Variables ? { Environment: { Variables: { ...Variables, [name]: value } } } : {};
  });

export type WatchedService = Awaited<ReturnType<typeof watchedService>>;

/** A service that reports its events, so that tests never wait for a fixed time. */
export async function watchedService(packaged: Packaged, options: Pick<ServiceOptions, 'endpointsOf'> = {}) {
  const invocations: Invocation[] = [];
  const events = new EventEmitter();
  const service = await startService({
    ...options,
    // Without canaries, a test sees only its own messages.
    packaged: withVariable(packaged, 'CANARY_EVERY', '0'),
    onInvocation: (invocation) => {
      invocations.push(invocation);
      events.emit('any');
    },
    onEvent: () => events.emit('any'),
  });
  /** The newest jobs and the last invocations, for a test that gives up. */
  const seen = async () => {
    const jobs = await listJobs(service.deployment, {}, { all: true, limit: 20 }).catch(String);
    return JSON.stringify({ jobs, invocations: invocations.slice(-5) }, null, 1);
  };
  /** Asks after every event until there is an answer. If there is none in time, it says what it saw last. */
  async function until<T>(what: string, ask: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
    const answered = new AbortController();
    const signal = AbortSignal.any([answered.signal, AbortSignal.timeout(PATIENCE_MS)]);
    for (;;) {
      const next = once(events, 'any', { signal }).catch(async () => {
        throw new Error(`${what} did not happen in time. Seen last: ${await seen()}`);
      });
      next.catch(() => {});
      const answer = await ask();
      if (answer !== undefined && answer !== false) {
        answered.abort();
        return answer;
      }
      await next;
    }
  }
  const job = async (id: string): Promise<JobRow> => {
    const found = await service.job(id);
    if (!found) throw new Error(`there is no job ${id}`);
    return found;
  };
  return {
    ...service,
    invocations,
    until,
    job,
    /** Resolves to the job once it has its end and its record. */
    recorded: (id: string) =>
      until(`the record of ${id}`, async () => {
        const found = await service.job(id);
        return found?.recordedAt === undefined ? undefined : found;
      }),
  };
}
