import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { realClock, realRandom } from '../../lib/aws/system';
import { eachOf } from '../../lib/concurrency';
import { deadLetters } from '../../lib/console/dead-letters';
import type { Envelope } from '../../lib/jobs/envelope';
import { createLedger } from '../../lib/jobs/ledger';
import { rowOfEnvelope } from '../../lib/jobs/new-row';
import { personHashes } from '../../lib/jobs/person-hash';
import type { JobRow } from '../../lib/jobs/row';
import { localConfig } from '../../lib/local/clients';
import { ACCOUNT, REGION, startCloud } from '../../lib/local/cloud';
import { portsFrom } from '../../lib/local/listen-port';
import { localPorts } from '../../lib/local/ports';
import { packageService } from '../../lib/local/template/package';
import { noLog, operatorOf, readerOf } from '../../lib/ops/connect';
import type { Deployment } from '../../lib/ops/deployment';
import { overview } from '../../lib/ops/overview';
import { searchJobs } from '../../lib/ops/search';
import type { Item } from '../../lib/ports';
import { anEnvelope } from '../support/engine';
import { inState } from '../support/in-state';
import { median, table } from './table';

/** Filling a million takes about 25 minutes. */
const ROWS = Number(process.env.ROWS ?? 1_000_000);
const DAYS = 30;
const USERS = 50_000;
/** One job in so many is held, and as many are dead. */
const ONE_IN = 400;
const RUNS = 5;
const BATCH = 25;
const AT_ONCE = 8;
const PAGE = 100;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/**
 * How long the pages of the console take with a full table, which a person waits for. The table is the emulator of this
 * machine, read through the AWS SDK. CloudWatch's figures are left out.
 */
export async function consoleRows(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'local-package-'));
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const packaged = await packageService({ stage: 'local', output: directory });
    const { config, endpoints } = await startCloud(packaged, portsFrom(0), (stop) => stops.unshift(stop));
    const vendors = { zendesk: '', sendgrid: '', appStoreConnect: '', discord: '' };
    const ports = localPorts({
      endpoints: { ...endpoints, ...vendors },
      region: REGION,
      table: config.TABLE,
      bucket: config.BUCKET,
    });
    stops.unshift(async () => ports.close());
    const hashPeople = personHashes(undefined, realClock);
    const reader = readerOf(config, { ...ports, hashPeople, clock: realClock, random: realRandom });
    const names = { instance: config.INSTANCE, region: REGION, account: ACCOUNT };
    const deployment: Deployment = {
      ...operatorOf(reader, { ...names, queues: ports.queues, events: undefined, log: noLog }),
      ...{ instance: config.INSTANCE, operator: 'bench' },
      names: (queue) => ({ main: queue, dlq: `${queue}-dlq` }),
      mappings: { isOn: async () => true, set: async () => {} },
      monitoring: { series: async (queries) => queries.map(() => []), ringing: async () => [] },
    };

    const now = Date.now();
    const begun = performance.now();
    await fill({ deployment, endpoint: endpoints.dynamodb, name: config.TABLE, now });
    const seconds = (performance.now() - begun) / 1_000;
    const [first = ''] = deployment.queueNames;
    const page = async (filter: Parameters<typeof searchJobs>[1]) => {
      let found = 0;
      for await (const { rows } of (await searchJobs(deployment, filter)).steps()) {
        found += rows.length;
        if (found >= PAGE) break;
      }
      return found;
    };
    const hour = Math.floor((now - DAY_MS) / HOUR_MS) * HOUR_MS;
    const pages: Record<string, () => Promise<number>> = {
      overview: async () => (await overview(deployment)).queues.length,
      'dead letters': async () =>
        (await deadLetters({ deployment } as Parameters<typeof deadLetters>[0], undefined)).groups.length,
      'jobs: held': () => page({ state: 'held' }),
      'jobs: of a message group': () => page({ queue: first, group: 'user-7' }),
      'jobs: accepted in an hour': () => page({ queue: first, from: hour, to: hour + HOUR_MS }),
      'jobs: by code, all that wait or are dead': () => page({ queue: first, code: 'Missing' }),
    };
    const rows: (string | number)[][] = [];
    for (const [name, look] of Object.entries(pages)) {
      const times: number[] = [];
      let found = 0;
      for (let run = 0; run <= RUNS; run++) {
        const from = performance.now();
        found = await look();
        // The first run opens the connections.
        if (run > 0) times.push(performance.now() - from);
      }
      rows.push([name, found, median(times).toFixed(0), Math.max(...times).toFixed(0)]);
    }
    return [
      `The console over ${ROWS} rows of ${DAYS} days (filled in ${seconds.toFixed(0)} s), milliseconds of ${RUNS} runs:`,
      table(['', 'found', 'median', 'longest'], rows),
    ].join('\n');
  } finally {
    for (const stop of stops) await stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Stores the rows as the ledger would, in batches. */
async function fill({
  deployment,
  endpoint,
  name,
  now,
}: {
  deployment: Deployment;
  endpoint: string;
  name: string;
  now: number;
}) {
  const client = new DynamoDBClient({ ...localConfig(REGION), endpoint });
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  const { queueNames, settings } = deployment;
  const batches = Array.from({ length: Math.ceil(ROWS / BATCH) }, (_, batch) => batch * BATCH);
  await eachOf(batches, AT_ONCE, async (from) => {
    const items: Item[] = [];
    const put = async (item: Item) => {
      items.push(item);
      return 'written' as const;
    };
    const collecting = { ...deployment.table, put };
    const ledger = createLedger({ table: collecting, clock: realClock, random: realRandom, settings });
    for (let n = from; n < Math.min(from + BATCH, ROWS); n++) await ledger.write(rowOf(n, queueNames, now), 0);
    const requests = items.map((Item) => ({ PutRequest: { Item } }));
    await documents.send(new BatchWriteCommand({ RequestItems: { [name]: requests } }));
  });
  client.destroy();
}

/** The jobs are spread evenly over the days, queues and users. */
function rowOf(n: number, queues: readonly string[], now: number): JobRow {
  const time = now - Math.floor(((n + 1) / ROWS) * DAYS * DAY_MS);
  const id = `0190a1b2-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
  const envelope = anEnvelope({ id, time: new Date(time).toISOString() }) as unknown as Envelope;
  const group = `user-${n % USERS}`;
  const row = rowOfEnvelope({ queue: queues[n % queues.length] ?? '', envelope, group, now: time });
  const ended = { endedAt: time, recordedAt: time, sentAt: time };
  if (n % ONE_IN === 1)
    return { ...row, state: inState('held'), reason: 'retry', retryAt: now + HOUR_MS, sentAt: time } as JobRow;
  if (n % ONE_IN !== 2) return { ...row, ...ended, state: inState('succeeded') };
  const error = { class: 'permanent' as const, code: 'TemplateMissing', message: 'the template is wrong' };
  return {
    ...row,
    ...ended,
    state: inState('dead'),
    reason: 'error',
    error,
    parkedAt: now,
    parkedFrom: `message-${n}`,
  };
}
