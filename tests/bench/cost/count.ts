import { readFileSync } from 'node:fs';
import { watchCanary } from '../../../lib/engine/reconcile/measure';
import type { ItemHead } from '../../../lib/platform/ports';
import { analyticsContract } from '../../../lib/queues/analytics/process';
import { chunkEnvelope } from '../../../lib/queues/emails/campaigns/campaign';
import { guardCampaigns } from '../../../lib/queues/emails/campaigns/guard';
import type { InviteInput } from '../../../lib/queues/testflight/message';
import { analyticsBody, someEvents } from '../../support/analytics';
import { startEmails } from '../../support/emails';
import { type EngineOptions, jobId, memoryEngine, PREFIX, watch } from '../../support/engine';
import { aFeedback, feedbackBody, ownUser, startFeedback } from '../../support/feedback';
import type { Used } from '../../support/memory-table';
import { memoryProducerDeps } from '../../support/producer';
import { reconcileRun } from '../../support/reconcile-run';
import { SAMPLE_QUEUE, sampleContract } from '../../support/sample-contract';
import { inviteBody, startTestflight } from '../../support/testflight';

/** How often each port was called, by `{port}.{method}`. */
type Calls = Record<string, number>;

export const STORED = 'tests/bench/cost/calls.json';
export const storedCalls = () => JSON.parse(readFileSync(STORED, 'utf8')) as Record<string, Calls>;

/** Counts the calls to the stores. `begin` forgets those of the preparation. */
function counter() {
  let calls: Calls = {};
  return {
    before: (call: string) => {
      if (/^(table|objects|queues)\./.test(call)) calls[call] = (calls[call] ?? 0) + 1;
    },
    begin: () => {
      calls = {};
    },
    calls: () => Object.fromEntries(Object.entries(calls).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/**
 * The calls of one clean job of each kind, of one accepted by the API, and of one run of the reconciler without work. A
 * job is the first of its process, or a next one: a process keeps closed circuit breakers, and a campaign's content.
 */
export async function counts() {
  return {
    accept: await accept(),
    wholeFeedback: await wholeFeedback(),
    feedback: await feedback(0),
    nextFeedback: await feedback(1),
    chunk: await chunk(0),
    nextChunk: await chunk(1),
    guard: await guard(),
    analytics: await analytics(),
    testflight: await testflight(0),
    nextTestflight: await testflight(1),
    notification: await testflight(0, { notification: { appName: 'Sample', message: 'Welcome' } }),
    canary: await canary(),
    reconciler: await reconciler(),
  };
}

async function accept(): Promise<Calls> {
  const { before, calls } = counter();
  const { producer } = memoryProducerDeps({
    table: (port) => watch(port, 'table', { before }),
    queues: (port) => watch(port, 'queues', { before }),
    objects: (port) => watch(port, 'objects', { before }),
  });
  await producer.feedback(aFeedback());
  return calls();
}

/** The write units of a job from its producer's call to its record. */
async function wholeFeedback(): Promise<Calls> {
  let writeUnits = 0;
  const used = ({ writes = 0 }: Used) => {
    writeUnits += writes;
  };
  const { producer, rows, messages } = memoryProducerDeps({ used });
  await producer.feedback(aFeedback());
  const accepted = writeUnits;
  const [[row], [message]] = [rows(), messages()];
  if (!row || !message) throw new Error('the producer stored no row, or sent no message');
  const { engine, close } = await startFeedback({ used });
  await engine.table.put(row as ItemHead, 0);
  writeUnits = accepted;
  engine.send(message.body, { group: row.group ?? '', of: row.id });
  await engine.deliver();
  await close();
  return { writeUnits };
}

const feedback = (after: number) =>
  lastOf(after, async (options) => {
    const started = await startFeedback(options);
    return { ...started, send: (n) => started.engine.accept(feedbackBody(ownUser(jobId(n)), { id: jobId(n) })) };
  });

const chunk = (after: number) =>
  lastOf(after, async (options) => {
    const started = await startEmails(options);
    const made = await started.campaign({ recipients: 50 * (after + 1), chunkSize: 50 });
    const envelopeOf = (n: number) => chunkEnvelope(made, n);
    const send = (n: number) => started.engine.accept(JSON.stringify(envelopeOf(n)), { group: envelopeOf(n).id });
    return { ...started, send };
  });

/** The guard of a campaign, for one post of SendGrid about its chunk of fifty. */
async function guard(): Promise<Calls> {
  const { before, begin, calls } = counter();
  const { engine, campaign, sendChunk, work, tell, events, close } = await startEmails({ before });
  sendChunk(await campaign({ recipients: 50, chunkSize: 50 }), 0);
  await work();
  await tell(events());
  begin();
  await guardCampaigns({ ...reconcileRun(engine.deps), queueNames: ['emails'] }, () => true);
  await close();
  return calls();
}

const testflight = (after: number, invite: Partial<InviteInput> = {}) =>
  lastOf(after, async (options) => {
    const started = await startTestflight(options);
    const bodyOf = (n: number) => inviteBody({ ...invite, email: `tester-${n}@example.com` }, { id: jobId(n) });
    return { ...started, send: (n) => started.engine.accept(bodyOf(n)) };
  });

interface Started {
  engine: { deliver(): Promise<unknown> };
  send: (n: number) => Promise<unknown>;
  close: () => Promise<unknown>;
}

/** The calls of a job whose worker has done others before. */
async function lastOf(after: number, start: (options: EngineOptions) => Promise<Started>): Promise<Calls> {
  const { before, begin, calls } = counter();
  const { engine, send, close } = await start({ before });
  try {
    for (let n = 0; n <= after; n++) {
      await send(n);
      begin();
      await engine.deliver();
    }
    return calls();
  } finally {
    await close();
  }
}

async function analytics(): Promise<Calls> {
  const { before, calls } = counter();
  const metrics = { add: () => {}, flush: async () => {} };
  const engine = memoryEngine((ports) => analyticsContract({ ...ports, prefix: PREFIX, metrics }), { before });
  await engine.sendAndDeliver(analyticsBody(someEvents(1, 100)));
  return calls();
}

/** A canary: done, measured, and the next one sent. */
async function canary(): Promise<Calls> {
  const { before, begin, calls } = counter();
  const engine = memoryEngine(() => sampleContract().contract, { before });
  const everyMs = 300_000;
  const run = () => watchCanary(reconcileRun(engine.deps, everyMs), SAMPLE_QUEUE, () => true);
  await run();
  begin();
  await engine.deliver();
  engine.clock.advance(everyMs);
  await run();
  return calls();
}

/** One run with four queues that have nothing to do. */
async function reconciler(): Promise<Calls> {
  const { before, begin, calls } = counter();
  const engine = memoryEngine(() => sampleContract().contract, { before });
  const { queues } = engine.deps;
  const depth = watch({ depth: async () => ({ visible: 0, inFlight: 0 }) }, 'queues', { before });
  Object.assign(engine.deps, {
    queueNames: ['feedback', 'emails', 'testflight', 'analytics'],
    queues: { ...queues, ...depth },
  });
  await engine.reconcile();
  engine.clock.advance(60_000);
  begin();
  await engine.reconcile();
  return calls();
}
