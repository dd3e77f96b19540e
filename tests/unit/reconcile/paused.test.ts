import { PausedError } from '../../../lib/errors';
import { CAMPAIGN_QUEUE, campaignKey } from '../../../lib/jobs/keys';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const MINUTE = 60_000;

/** A campaign that has released all of its chunks. */
const aCampaign = (id: string) => ({
  ...{ key: campaignKey(id), writer: 'w', id, source: '/my/api', time: 0, startsAt: 0 },
  ...{ manifest: { key: 'k', sha256: 's' }, chunkSize: 1, recipients: 200, requested: 200, duplicates: 0, rejected: 0 },
  ...{ chunks: 200, released: 200, open: [], refusals: 0, history: [] },
});

test('many chunks of a campaign that stays paused do not hold back chunks of another campaign', async () => {
  const [long, short] = [jobId(901), jobId(902)];
  const paused = new Set([long, short]);
  const of = new Map<string, string>();
  const { contract, effects } = sampleContract(({ id }) => {
    if (paused.has(of.get(id) ?? '')) throw new PausedError();
  });
  const engine = memoryEngine(() => ({ ...contract, queue: CAMPAIGN_QUEUE }));
  const send = (n: number, campaign: string) => {
    of.set(jobId(n), campaign);
    const envelope = anEnvelope({ id: jobId(n), campaign });
    engine.send(JSON.stringify(envelope), { group: jobId(n) });
  };
  const status = (campaign: string, status: string, version: number) =>
    engine.table.put({ ...aCampaign(campaign), version, status }, version - 1);
  for (let n = 1; n <= 120; n++) send(n, long);
  send(200, short);
  for (const campaign of paused) await status(campaign, 'paused', 1);
  while (engine.inQueue() > 0) await engine.deliver();
  await engine.reconcile();
  const before = engine.inQueue();

  paused.delete(short);
  await status(short, 'running', 2);
  engine.clock.advance(MINUTE);
  await engine.reconcile();
  await engine.deliver();

  expect(before).toBe(0);
  expect(effects).toEqual([jobId(200)]);
  expect(engine.rows().filter(({ reason }) => reason === 'paused')).toHaveLength(120);
});
