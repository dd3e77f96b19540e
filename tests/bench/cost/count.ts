import { analyticsContract } from '../../../lib/analytics/process';
import { chunkEnvelope } from '../../../lib/emails/campaigns/campaign';
import { watchCanary } from '../../../lib/reconcile/measure';
import type { InviteInput } from '../../../lib/testflight/message';
import { createProducer } from '../../../packages/producer/client';
import type { Calls } from '../../../resources/cost';
import { analyticsBody, someEvents } from '../../support/analytics';
import { startEmails } from '../../support/emails';
import { jobId, memoryEngine, PREFIX, watch } from '../../support/engine';
import { aFeedback, feedbackBody, startFeedback } from '../../support/feedback';
import { memoryProducerDeps } from '../../support/producer';
import { reconcileRun } from '../../support/reconcile-run';
import { SAMPLE_QUEUE, sampleContract } from '../../support/sample-contract';
import { inviteBody, startTestflight } from '../../support/testflight';

const ALL = ['table', 'objects', 'queues'];

/** Counts the calls to the stores. `begin` forgets those of the preparation. */
function counter() {
  let calls: Calls = {};
  return {
    before: (call: string) => {
      if (ALL.includes(call.split('.')[0] ?? '')) calls[call] = (calls[call] ?? 0) + 1;
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
    feedback: await feedback(),
    nextFeedback: await feedback({ after: 1 }),
    chunk: await chunk(),
    nextChunk: await chunk({ after: 1 }),
    analytics: await analytics(),
    testflight: await testflight(),
    nextTestflight: await testflight({ after: 1 }),
    notification: await testflight({ invite: { notification: { appName: 'Sample', message: 'Welcome' } } }),
    canary: await canary(),
    reconciler: await reconciler(),
  };
}

async function accept(): Promise<Calls> {
  const { before, calls } = counter();
  const counted =
    <T extends object>(name: string) =>
    (port: T) =>
      watch(port, name, { before });
  const wrap = { table: counted('table'), queues: counted('queues'), objects: counted('objects') };
  const { deps } = memoryProducerDeps(wrap as Parameters<typeof memoryProducerDeps>[0]);
  await createProducer(deps).feedback(aFeedback());
  return calls();
}

async function feedback({ after = 0 } = {}): Promise<Calls> {
  const { before, begin, calls } = counter();
  const { engine, close } = await startFeedback({ before });
  await lastOf(after, { engine, begin, send: (n) => engine.accept(feedbackBody({}, { id: jobId(n) })) }).finally(close);
  return calls();
}

async function chunk({ after = 0 } = {}): Promise<Calls> {
  const { before, begin, calls } = counter();
  const { engine, campaign, close } = await startEmails({ before });
  const made = await campaign({ recipients: 50 * (after + 1), chunkSize: 50 });
  const send = (n: number) => {
    const envelope = chunkEnvelope(made, n);
    return engine.accept(JSON.stringify(envelope), { group: envelope.id });
  };
  await lastOf(after, { engine, begin, send }).finally(close);
  return calls();
}

async function testflight({
  after = 0,
  invite = {},
}: {
  after?: number;
  invite?: Partial<InviteInput>;
} = {}): Promise<Calls> {
  const { before, begin, calls } = counter();
  const { engine, close } = await startTestflight({ before });
  const send = (n: number) =>
    engine.accept(inviteBody({ ...invite, email: `tester-${n}@example.com` }, { id: jobId(n) }));
  await lastOf(after, { engine, begin, send }).finally(close);
  return calls();
}

async function lastOf(
  after: number,
  {
    engine,
    begin,
    send,
  }: { engine: { deliver(): Promise<unknown> }; begin: () => void; send: (n: number) => Promise<unknown> },
): Promise<void> {
  for (let n = 0; n <= after; n++) {
    await send(n);
    begin();
    await engine.deliver();
  }
}

async function analytics(): Promise<Calls> {
  const { before, calls } = counter();
  const metrics = { add: () => {}, flush: async () => {} };
  const engine = memoryEngine(
    ({ objects }) => analyticsContract({ objects: watch(objects, 'objects', { before }), prefix: PREFIX, metrics }),
    { before },
  );
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
