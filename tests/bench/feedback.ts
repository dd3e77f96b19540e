import type { SQSEvent } from 'aws-lambda';
import { parseEnvelope } from '../../lib/engine/jobs/envelope';
import { createLedger } from '../../lib/engine/jobs/ledger';
import { tokenOf } from '../../lib/engine/jobs/messages';
import { newRow } from '../../lib/engine/jobs/row';
import { handleBatch } from '../../lib/engine/worker/batch';
import { circuitBreakers } from '../../lib/engine/worker/circuit';
import { sharedRate } from '../../lib/mail/rate';
import { realClock, realRandom } from '../../lib/platform/aws/system';
import type { Table } from '../../lib/platform/ports';
import { mailLimit } from '../../lib/queues/feedback/process';
import { startFakeSendgrid } from '../../packages/local/fakes/sendgrid';
import { startFakeZendesk } from '../../packages/local/fakes/zendesk';
import { startAws } from '../support/emulators';
import { jobId, memoryEngine, watch } from '../support/engine';
import { feedbackBody, ownUser, sampleFeedback } from '../support/feedback';
import { hashPeople } from '../support/hash-people';
import { feedbackSettings } from '../support/producer';
import { record } from './analytics-events';
import { type Handler, handleAll, plainLoop, powertools, type RivalPorts, usualWorker, vendorsAt } from './rivals';
import { inTurns, median, type Size, sumOf, tableOf, timed } from './table';

const SIZES = { full: { runs: 5, jobs: 100 }, small: { runs: 1, jobs: 3 } };
/** The cost of one job without faults, over real HTTP to emulators on this machine. */
export async function feedbackCost(size: Size): Promise<string> {
  const { runs, jobs } = SIZES[size];
  const calls = new Map<string, number>();
  const count = (call: string) => void calls.set(call, (calls.get(call) ?? 0) + 1);
  const [aws, zendesk, sendgrid] = await Promise.all([startAws({}), startFakeZendesk(), startFakeSendgrid()]);
  const vendors = vendorsAt({ zendesk: zendesk.url, sendgrid: sendgrid.url });
  const ports: RivalPorts = {
    table: watch(aws.table, 'table', { before: count }),
    objects: watch(aws.objects, 'objects', { before: count }),
    zendesk: watch(vendors.zendesk, 'vendor', { before: count }),
    sendgrid: watch(vendors.sendgrid, 'vendor', { before: count }),
  };
  const rivals = {
    'this engine': ours(ports),
    'plain loop': plainLoop(usualWorker(ports)),
    'Powertools FIFO': powertools(usualWorker(ports)),
  };
  let last = 0;
  const measure = async (handler: Handler) => {
    const events: SQSEvent[] = [];
    for (let n = 0; n < jobs; n++) events.push(await accepted(aws.table, jobId(++last)));
    calls.clear();
    // The worker, the fake vendors and S3. The emulator of DynamoDB has its own thread.
    const took = await timed(() => handleAll(handler, events), { thread: true });
    if (!calls.has('vendor.createTicket')) throw new Error('a rival made no ticket');
    return { ...took, calls: [...calls] };
  };
  const measured = await inTurns(rivals, measure, { rounds: runs });
  await Promise.all([aws, zendesk, sendgrid].map(({ close }) => close()));

  type Rival = keyof typeof rivals;
  const of = (name: Rival, what: 'ms' | 'cpuMs') => median(measured[name].map((one) => one[what])) / jobs;
  const ratio = (name: Rival, what: 'ms' | 'cpuMs') => (of(name, what) / of('plain loop', what)).toFixed(2);
  const per = (name: Rival, port: string) => {
    const made = measured[name].at(-1)?.calls.filter(([call]) => call.startsWith(port)) ?? [];
    return (sumOf(made.map(([, times]) => times)) / jobs).toFixed(1);
  };
  return [
    `A job without faults: median of ${runs} runs of ${jobs} jobs, batch 1, emulators on loopback.`,
    tableOf(
      Object.keys(rivals) as Rival[],
      ['worker', (name) => name],
      ['ms/job', (name) => of(name, 'ms').toFixed(2)],
      ['ratio', (name) => ratio(name, 'ms')],
      ['CPU ms/job', (name) => of(name, 'cpuMs').toFixed(2)],
      ['ratio', (name) => ratio(name, 'cpuMs')],
      ['table calls', (name) => per(name, 'table')],
      ['S3 calls', (name) => per(name, 'objects')],
      ['vendor calls', (name) => per(name, 'vendor')],
    ),
  ].join('\n');
}

const settings = () => feedbackSettings;

/** A message as the API sends it, with its row in the table. */
async function accepted(table: Table, id: string): Promise<SQSEvent> {
  const now = Date.now();
  const body = feedbackBody(ownUser(id), { id, time: new Date(now).toISOString() });
  const row = newRow({ queue: 'feedback', envelope: parseEnvelope(body), group: 'g', now, random: realRandom });
  await createLedger({ table, clock: realClock, random: realRandom, settings }).write(row, 0);
  const sent = { queue: 'feedback', sentAt: now, ...tokenOf(row) };
  return { Records: [record({ id, group: 'g', body, wave: 0 }, sent)] };
}

function ours({ table: jobs, objects, zendesk, sendgrid }: RivalPorts): Handler {
  const base = { table: jobs, clock: realClock, random: realRandom };
  const rate = sharedRate({ ...base, rate: 10_000 }, 'sendgrid');
  const vendors = { zendesk, sendgrid, mayConfirm: mailLimit({ ...base, hashPeople }) };
  const contract = sampleFeedback({ objects, ...vendors, rate, clock: realClock });
  const stores = { ...base, objects, ledger: createLedger({ ...base, settings }), circuits: circuitBreakers(base) };
  const deps = { ...memoryEngine(() => contract).deps, ...stores, settings };
  return (sqsEvent) => handleBatch({ deps, contract, event: sqsEvent, remainingMs: 45_000 });
}
