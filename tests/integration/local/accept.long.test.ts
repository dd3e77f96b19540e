import { gzipSync } from 'node:zlib';
import { pauseKey } from '../../../lib/engine/jobs/keys';
import { dataPrefix, hourIn } from '../../../lib/queues/analytics/keys';
import type { Options } from '../../../packages/cli/command';
import type { CommandName } from '../../../packages/cli/commands';
import { verified } from '../../../packages/local/demo';
import { LOCAL_CREDENTIALS } from '../../../packages/local/loopback';
import { realProducer } from '../../../packages/producer/real-producer';
import { producerSettingsOf } from '../../../resources/instances/instance';
import { readInstance } from '../../../resources/instances/read';
import { accept } from '../../accept/accept';
import { arrivals, planText, soak, storedEvents } from '../../accept/soak';
import { type WatchedService, watchedService } from '../../support/local-service';
import { memoryObjects } from '../../support/memory-objects';
import { command } from '../../support/operator';
import { localPackage } from '../../support/packages';
import { PATIENCE_MS } from '../../support/patience.cjs';

let service: WatchedService;
let producer: ReturnType<typeof realProducer>;
beforeAll(async () => {
  service = await watchedService(await localPackage());
  const { sqs, s3, dynamodb } = service.endpoints;
  producer = realProducer({
    ...{ instance: 'local', region: 'us-east-1', settings: producerSettingsOf(readInstance('local'), '000000000000') },
    ...{ endpoints: { sqs, s3, dynamodb }, credentials: LOCAL_CREDENTIALS, log: service.deployment.log },
  });
});
afterAll(async () => {
  await producer.close();
  await service.stop();
});

/** Runs the acceptance with little load. `before` sees each command before it runs. */
async function accepted(before: (name: CommandName, stop: () => void) => Promise<void> | void) {
  const stop = new AbortController();
  const said: string[] = [];
  const page = await accept(
    {
      ...{ deps: service.deployment, producer, conformance: async () => ['not here', ['assumption fifo-order: ok']] },
      ...{ load: { rate: 20, seconds: 1 }, waits: { pauseMs: 500, jobMs: PATIENCE_MS / 2 } },
      sls: async (name: CommandName, options: Options) => {
        await before(name, () => stop.abort());
        const { json, lines } = await command({ deps: service.deployment }, name, options);
        return json === undefined ? lines.join('\n') : JSON.stringify(json);
      },
    },
    { title: 'Acceptance', say: (line) => said.push(line), signal: stop.signal },
  );
  return { page, said };
}

const isAssumption = (line: string) => line.startsWith('assumption ');
const results = (said: string[]) =>
  said.flatMap((line) => (isAssumption(line) ? [] : line.split(/ +/).slice(0, 2).join(' ')));

test('every step is ok on the service of this machine, and the run leaves no pause and no dead job', async () => {
  const { page, said } = await accepted(async (name) => {
    // It reports the job that is dead by then.
    if (name === 'jobs retry') await service.run('reconciler');
  });

  expect(results(said)).toEqual([
    ...['sqs', 'queues', 'kinds', 'load', 'pause', 'redrive', 'alarm', 'clean-up', 'clean-up'].map(
      (step) => `ok ${step}`,
    ),
    '9 of',
  ]);
  expect(page).toMatchObject({ ok: true, text: expect.stringContaining('20 jobs at') });
  const assumed = said.filter(isAssumption);
  expect(assumed).toEqual(expect.arrayContaining(['assumption fifo-order: ok', 'assumption pause: ok']));
  expect(assumed.filter((line) => !page.text.includes(line) || !line.endsWith(': ok'))).toEqual([]);
  expect(await service.ports.table.get(pauseKey('feedback'))).toBeUndefined();
});

test('a run that is interrupted while a queue is paused resumes it, and runs no further step', async () => {
  const { page, said } = await accepted((name, stop) => {
    if (name === 'queues pause') stop();
  });

  expect(page.ok).toBe(false);
  expect(results(said).slice(4)).toEqual(['failed pause', 'failed redrive', 'failed alarm', 'ok clean-up', '5 of']);
  expect(said.join()).toContain('not run: interrupted');
  expect(said).toContain('assumption pause: failed');
  expect(await service.ports.table.get(pauseKey('feedback'))).toBeUndefined();
});

test('a soak sends the traffic of a day to the vendors, and its page says that each job ended and each event is stored', async () => {
  const asked = { hours: 10 / 3_600, times: 100, vendors: { domain: 'example.com', from: 'support@example.com' } };
  const all = arrivals(asked, service.deployment.queueNames, Date.now());
  const count = (queue: string) => all.filter((one) => one.queue === queue).length;
  const page = await soak(
    {
      ...{ deps: service.deployment, producer, waits: { pauseMs: 500, jobMs: PATIENCE_MS / 2 } },
      sleep: (ms) => service.deployment.clock.sleep(ms),
      verify: async () => (await verified(service)).map((kind) => ({ kind })),
    },
    asked,
    all,
  );

  expect(planText(asked, all)).toContain(`${count('emails')} mails`);
  expect(page).toMatchObject({ findings: {}, sent: { refused: {} } });
  const { feedback = 0, emails = 0, testflight = 0 } = page.sent.accepted;
  expect([feedback, emails, testflight]).toEqual(['feedback', 'emails', 'testflight'].map(count));
  expect(service.zendesk.tickets.filter(({ tags }) => tags.includes('soak'))).toHaveLength(feedback);
  expect(page.events).toMatchObject({ stored: page.sent.events });
  expect(page.goals.filter(({ met }) => !met)).toEqual([]);
});

test('a soak reads each object of its hours once, however often it looks', async () => {
  const objects = memoryObjects();
  const { get } = objects;
  const gets: string[] = [];
  objects.get = (key) => {
    gets.push(key);
    return get(key);
  };
  const from = Date.UTC(2026, 4, 1, 9, 50);
  const clock = { now: () => from + 20 * 60_000, sleep: async () => {} };
  const look = storedEvents({ objects, prefix: 'jobs', clock }, { run: 'soak-1', from });
  const store = (at: number, name: string, sessions: string[]) =>
    objects.put(
      `${hourIn(dataPrefix('jobs'), at)}${name}`,
      gzipSync(sessions.map((session) => JSON.stringify({ session })).join('\n')),
      'application/gzip',
    );

  await store(from, 'a', ['soak-1-1', 'soak-1-2', 'another-1']);
  const before = { ...(await look()) };
  await store(clock.now(), 'b', ['soak-1-3']);
  const after = await look();

  expect([before, after]).toMatchObject([
    { events: 2, objects: 1 },
    { events: 3, objects: 2 },
  ]);
  expect(gets.map((key) => key.slice(-1))).toEqual(['a', 'b']);
});
