import { EventEmitter, once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Invocation } from '../../lib/local/lambda/environment';
import { type Service, startService } from '../../lib/local/service';
import type { Packaged } from '../../lib/local/template/package';
import { zip } from './zip';

/** Other properties for every resource of a type: times that a test can wait for. */
export function withProperties(packaged: Packaged, changes: Record<string, Record<string, unknown>>): Packaged {
  const resources = Object.entries(packaged.resources).map(([id, resource]) => [
    id,
    { ...resource, Properties: { ...resource.Properties, ...changes[resource.Type] } },
  ]);
  return { ...packaged, resources: Object.fromEntries(resources) };
}

/** Without canaries: a test that counts what happens on a queue has it for itself. */
function withoutCanaries(packaged: Packaged): Packaged {
  const resources = Object.entries(packaged.resources).map(([id, resource]) => {
    const environment = resource.Properties?.Environment as { Variables: Record<string, unknown> } | undefined;
    if (environment?.Variables.CANARY_EVERY === undefined) return [id, resource];
    const Environment = { Variables: { ...environment.Variables, CANARY_EVERY: '0' } };
    return [id, { ...resource, Properties: { ...resource.Properties, Environment } }];
  });
  return { ...packaged, resources: Object.fromEntries(resources) };
}

/** Other code for a function, under everything else that the template says of it. */
export function withCode(
  packaged: Packaged,
  { functionKey, code }: { functionKey: string; code: string },
): Packaged & { remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'other-code-'));
  cpSync(packaged.directory, directory, { recursive: true });
  const files = [{ name: `handlers/${functionKey}.js`, text: code, deflated: true }];
  writeFileSync(join(directory, `${functionKey}.zip`), zip(files));
  return { ...packaged, directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

export interface WatchedService extends Service {
  invocations: Invocation[];
  /** Asks after everything that happens until there is an answer; fails by name after a minute. */
  until<T>(what: string, ask: () => Promise<T | undefined | false> | T | undefined | false): Promise<T>;
  post(data: unknown, headers?: Record<string, string>): Promise<{ status: number; json: Record<string, unknown> }>;
  /** The job once it has ended and its record is written. */
  recorded(id: string): ReturnType<WatchedService['job']>;
  job(id: string): Promise<NonNullable<Awaited<ReturnType<Service['views']['job']>>>>;
}

/** A service that tells what happens in it, so that nothing has to be waited for by time. */
export async function watchedService(packaged: Packaged): Promise<WatchedService> {
  const invocations: Invocation[] = [];
  const happenings = new EventEmitter();
  const service = await startService({
    packaged: withoutCanaries(packaged),
    onInvocation: (invocation) => {
      invocations.push(invocation);
      happenings.emit('any');
    },
    onEvent: () => happenings.emit('any'),
  });
  const until: WatchedService['until'] = async (what, ask) => {
    const signal = AbortSignal.timeout(60_000);
    for (;;) {
      const next = once(happenings, 'any', { signal }).catch(() => {
        throw new Error(`waited in vain for ${what}`);
      });
      next.catch(() => {});
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      await next;
    }
  };
  const job = async (id: string) => {
    const found = await service.views.job(id);
    if (!found) throw new Error(`there is no job ${id}`);
    return found;
  };
  return {
    ...service,
    invocations,
    until,
    job,
    recorded: (id) =>
      until(`the record of ${id}`, async () => {
        const found = await service.views.job(id);
        return found?.recordKey === undefined ? undefined : found;
      }),
    async post(data, headers = {}) {
      const answer = await fetch(`${service.api}/feedback`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(data),
      });
      return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
    },
  };
}
