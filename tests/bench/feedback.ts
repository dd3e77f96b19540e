import type { SQSEvent } from 'aws-lambda';
import { realClock, realRandom } from '../../lib/aws/system';
import { parseEnvelope } from '../../lib/jobs/envelope';
import { createLedger } from '../../lib/jobs/ledger';
import { newRow } from '../../lib/jobs/row';
import type { Table } from '../../lib/ports';
import { handleBatch } from '../../lib/worker/batch';
import { circuitBreakers } from '../../lib/worker/circuit';
import { sharedRate } from '../../lib/worker/rate';
import { startFakeSendgrid } from '../../packages/local/fakes/sendgrid';
import { startFakeZendesk } from '../../packages/local/fakes/zendesk';
import { startAws } from '../support/emulators';
import { memoryEngine, watch } from '../support/engine';
import { feedbackBody } from '../support/feedback';
import { feedbackSettings } from '../support/producer';
import { record } from './analytics-events';
import { type Handler, ourContract, plainLoop, powertools, type RivalPorts, usualWorker, vendorsAt } from './rivals';
import { median, type Size, table } from './table';

const SIZES = { full: { runs: 5, jobs: 100 }, small: { runs: 1, jobs: 3 } };
const OURS = 'this engine';

const id = (run: number, n: number) => `0190a1b2-0000-7000-8000-${(run * 1000 + n).toString(16).padStart(12, '0')}`;

/** The cost of one job without faults, over real HTTP to emulators on this machine. */
export async function feedbackCost(size: Size): Promise<string> {
  const { runs, jobs } = SIZES[size];
  const calls = new Map<string, number>();
  const count = (call: string) => {
    calls.set(call, (calls.get(call) ?? 0) + 1);
  };
  const [aws, zendesk, sendgrid] = await Promise.all([startAws({}), startFakeZendesk(), startFakeSendgrid()]);
  const vendors = vendorsAt({ zendesk: zendesk.url, sendgrid: sendgrid.url });
  const ports: RivalPorts = {
    table: watch(aws.table, 'table', { before: count }),
    objects: watch(aws.objects, 'objects', { before: count }),
    zendesk: watch(vendors.zendesk, 'vendor', { before: count }),
    sendgrid: watch(vendors.sendgrid, 'vendor', { before: count }),
  };
  const rivals: Record<string, Handler> = {
    [OURS]: ours(ports),
    'plain loop': plainLoop(usualWorker(ports)),
    'Powertools FIFO': powertools(usualWorker(ports)),
  };
  const ms: Record<string, number[]> = {};
  const cpu: Record<string, number[]> = {};
  const requests: Record<string, Map<string, number>> = {};
  for (let run = 0; run <= runs; run++)
    for (const [index, [name, handler]] of Object.entries(rivals).entries()) {
      const events = Array.from({ length: jobs }, (_, n) => event(id(10 * run + index, n)));
      if (name === OURS) for (const { Records } of events) await accept(ports.table, Records);
      calls.clear();
      const startedAt = performance.now();
      const startedCpu = cpuMs();
      for (const one of events) {
        const { batchItemFailures } = await handler(one);
        if (batchItemFailures.length > 0) throw new Error(`${name}: a job failed`);
      }
      // The first run only warms up.
      if (run > 0) {
        ms[name] = [...(ms[name] ?? []), (performance.now() - startedAt) / jobs];
        cpu[name] = [...(cpu[name] ?? []), (cpuMs() - startedCpu) / jobs];
      }
      if (!calls.has('vendor.createTicket')) throw new Error(`${name}: made no ticket`);
      requests[name] = new Map(calls);
    }
  await Promise.all([aws, zendesk, sendgrid].map(({ close }) => close()));

  const plain = median(ms['plain loop'] ?? []);
  const plainCpu = median(cpu['plain loop'] ?? []);
  const per = (name: string, port: string) =>
    [...(requests[name] ?? [])].filter(([call]) => call.startsWith(port)).reduce((sum, [, times]) => sum + times, 0) /
    jobs;
  return [
    `A job without faults: median of ${runs} runs of ${jobs} jobs, batch 1, emulators on loopback.`,
    table(
      ['worker', 'ms/job', 'ratio', 'CPU ms/job', 'ratio', 'table calls', 'S3 calls', 'vendor calls'],
      Object.keys(rivals).map((name) => {
        const own = median(ms[name] ?? []);
        const ownCpu = median(cpu[name] ?? []);
        return [
          name,
          own.toFixed(2),
          (own / plain).toFixed(2),
          ownCpu.toFixed(2),
          (ownCpu / plainCpu).toFixed(2),
          per(name, 'table').toFixed(1),
          per(name, 'objects').toFixed(1),
          per(name, 'vendor').toFixed(1),
        ];
      }),
    ),
  ].join('\n');
}

/** The CPU time of this thread: the worker, the fake vendors and S3. The emulator of DynamoDB has its own thread. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function event(id: string): SQSEvent {
  const now = Date.now();
  const body = feedbackBody({}, { id, time: new Date(now).toISOString() });
  return { Records: [record({ id, group: 'g', body }, { queue: 'feedback', sentAt: now })] };
}

const settings = () => feedbackSettings;

/**
 * Writes the rows of the jobs as the API does, and gives the messages their tokens. Its calls are not those of a
 * worker.
 */
async function accept(jobs: Table, records: SQSEvent['Records']): Promise<void> {
  const ledger = createLedger({ table: jobs, clock: realClock, random: realRandom, settings });
  for (const record of records) {
    const origin = { queue: 'feedback', group: 'g', now: Date.now(), random: realRandom };
    const row = newRow({ ...origin, envelope: parseEnvelope(record.body) });
    await ledger.write(row, 0);
    record.messageAttributes = {
      token: { stringValue: row.token, dataType: 'String' },
    } as typeof record.messageAttributes;
  }
}

function ours({ table: jobs, objects, zendesk, sendgrid }: RivalPorts): Handler {
  const base = { table: jobs, clock: realClock, random: realRandom };
  const rate = sharedRate({ ...base, rate: 10_000 }, 'sendgrid');
  const contract = ourContract({ objects, zendesk, sendgrid, rate, clock: realClock });
  const quiet = memoryEngine(() => contract).deps;
  const deps = {
    ...quiet,
    ...base,
    objects,
    ledger: createLedger({ ...base, settings }),
    circuits: circuitBreakers(base),
    settings,
  };
  return (sqsEvent) => handleBatch({ deps, contract, event: sqsEvent, remainingMs: 45_000 });
}
