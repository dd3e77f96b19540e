import { type Campaign, campaigns } from '../../../lib/emails/campaigns/campaign';
import { chunkId } from '../../../lib/emails/campaigns/chunk';
import { StoreError } from '../../../lib/errors';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';
import { jobId } from '../../support/engine';
import { inState } from '../../support/in-state';

const OTHER = jobId(101);
const LOOK_MS = 2_000;

let emails: Emails;
/** Runs before every call. */
let before: (call: string) => void;
beforeEach(async () => {
  before = () => {};
  emails = await startEmails({ rate: 10, before: (call) => before(call) });
});
afterEach(() => emails.close());

const read = async (id: string): Promise<Campaign> => {
  const campaign = await emails.campaigns.read(id);
  if (!campaign) throw new Error('there is no campaign');
  return campaign;
};
const released = async (...ids: string[]) => Promise.all(ids.map(async (id) => (await read(id)).released));

/** The reconciler looks every two seconds. Between looks, workers send what their rate allows. */
async function looks(count: number): Promise<void> {
  const { engine } = emails;
  for (let look = 0; look < count; look++) {
    const next = engine.clock.now() + LOOK_MS;
    await engine.reconcile();
    while (engine.inQueue() > 0 && engine.clock.now() < next) {
      const batch = engine.receive(1);
      if (batch.Records.length === 0) break;
      await engine.handle(batch);
    }
    engine.clock.advance(Math.max(0, next - engine.clock.now()));
  }
}

test('chunks that crash their workers do not keep other campaigns from the rate', async () => {
  await emails.campaign({ recipients: 300, chunkSize: 10 });
  await looks(1);
  // The workers died. The queue shows the chunks again after its visibility timeout.
  for (const number of (await read(CAMPAIGN)).open)
    await emails.engine.deps.ledger.update(emails.chunk(number).key, ({ endedAt: _endedAt, ...row }) => ({
      ...row,
      state: inState('processing'),
    }));
  await emails.campaign({ recipients: 300, chunkSize: 10, id: OTHER });

  await looks(10);

  expect((await read(OTHER)).released).toBeGreaterThan(5);
});

test('a campaign that cannot be read or released holds back no other one, and the run keeps looking', async () => {
  const { engine } = emails;
  await emails.campaign({ recipients: 100, chunkSize: 10 });
  await engine.reconcile();
  await emails.campaign({ recipients: 100, chunkSize: 10, id: OTHER });
  await emails.campaign({ recipients: 100, chunkSize: 10, id: jobId(102) });
  const { known } = engine.deps.ledger;
  engine.deps.ledger.known = async (key) => {
    if (key.includes(chunkId(CAMPAIGN, 0))) throw new StoreError({ code: 'DynamoDB.AccessDenied', message: 'denied' });
    return known(key);
  };
  const { send } = engine.deps.queues;
  engine.deps.queues.send = async (url, message) => {
    if (message.groupId === chunkId(OTHER, 0)) throw new StoreError({ code: 'SQS.InvalidMessage', message: 'refused' });
    return send(url, message);
  };
  const { sleep } = engine.clock;
  engine.clock.sleep = async (ms) => {
    await sleep(ms);
    if (ms === LOOK_MS) for (let sent = 0; sent < 3 && engine.inQueue() > 0; sent++) await engine.deliver(1);
  };

  await engine.reconcile({ stayMs: 50_000 });

  expect(await released(OTHER, jobId(102))).toEqual([0, 10]);
});

test('later looks read the campaigns that one look had no time for', async () => {
  const { engine } = emails;
  await emails.campaign({ recipients: 10, chunkSize: 10 });
  const plan = await read(CAMPAIGN);
  const store = campaigns(engine.deps);
  const ids = Array.from({ length: 1_000 }, (_, n) => jobId(1_000 + n));
  for (const id of ids)
    await store.start({ ...plan, id, recipients: 1, chunks: 1, chunkSize: 1, startsAt: plan.startsAt + 1 });
  engine.clock.advance(10);
  // Reading a campaign takes at least 25 ms.
  before = (call) => {
    if (call === 'table.get') engine.clock.advance(25);
  };

  for (let run = 0; run < 4; run++) await engine.reconcile({ stayMs: 50_000 });

  before = () => {};
  const counts = await released(...ids);
  expect(counts.filter((count) => count > 0).length).toBeGreaterThan(400);
  expect(counts.slice(-100).some((count) => count > 0)).toBe(true);
});
