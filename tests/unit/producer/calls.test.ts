import { StoreError } from '../../../lib/platform/errors';
import { clientOf, type Producer } from '../../../packages/producer/client';
import { packingLimits } from '../../../packages/producer/tracker';
import { controlledClock } from '../../support/controlled-clock';
import { memoryProducerDeps } from '../../support/producer';

const feedback = (user = 'user') => ({
  user: { email: `${user}@example.com` },
  subject: 'It works',
  message: 'Well done.',
});
const owned = (key: string | number) => ({ key: `${key}`, principal: 'client-1' });
const idle = () => new Promise<void>((resolve) => setImmediate(resolve));
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: StoreError) => error.code,
  );

/** A client whose calls to SQS, or to the table, wait until `open`. */
function start(holds: 'send' | 'write' | 'planning' | 'nothing' = 'send') {
  const memory = memoryProducerDeps();
  const clock = controlledClock(memory.clock.now());
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const asked: string[] = [];
  const { table, queues } = memory.deps;
  const connection = {
    ...memory.deps,
    table: {
      ...table,
      put: async (...[item, expected]: Parameters<typeof table.put>) => {
        asked.push(expected === 0 ? 'write' : 'planning');
        if (holds === asked.at(-1)) await opened;
        return table.put(item, expected);
      },
    },
    queues: {
      ...queues,
      send: async (...given: Parameters<typeof queues.send>) => {
        asked.push('send');
        if (holds === 'send') await opened;
        return queues.send(...given);
      },
      sendBatch: async (...given: Parameters<typeof queues.sendBatch>) => {
        asked.push('send');
        if (holds === 'send') await opened;
        return queues.sendBatch(...given);
      },
    },
  };
  const sleep = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      clock.setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => resolve());
    });
  const producer: Producer = clientOf(async () => connection, {
    analytics: packingLimits.parse({}),
    clock: { now: clock.now, sleep },
    marksAfterAnswer: true,
  });
  const sends = () => asked.filter((one) => one === 'send').length;
  return { ...memory, producer, clock, open, asked, sends };
}

test('of a burst fifty calls are under way, and the rest waits its turn in order', async () => {
  const { producer, open, sends, events } = start();

  const answers = Array.from({ length: 120 }, (_, n) => producer.feedback(feedback(`user-${n}`), owned(n)));
  await idle();
  expect(sends()).toBe(50);
  open();
  await Promise.all(answers);

  const senders = events().map(({ data }) => (data as { user: { email: string } }).user.email);
  expect(senders).toEqual(answers.map((_, n) => `user-${n}@example.com`));
});

test('a call that waits too long for its turn says so, and is never sent', async () => {
  const { producer, open, sends, clock, messages } = start();

  const send = (n: number) => producer.feedback(feedback(`user-${n}`), owned(n)).catch((error: StoreError) => error);
  const first = Array.from({ length: 50 }, (_, n) => send(n));
  await idle();
  clock.advance(1);
  const last = Array.from({ length: 10 }, (_, n) => send(50 + n));
  await idle();
  // The first calls end, but SQS still has what they sent.
  clock.advance(9_999);
  const ended = await Promise.all(first);
  await idle();
  clock.advance(1);
  const answers = [...ended, ...(await Promise.all(last))];
  open();
  await idle();

  const message = 'the call changed nothing: its time-out of 10000 ms passed while it waited for its turn';
  expect(answers.slice(50)).toMatchObject(Array(10).fill({ code: 'Producer.NotSent', message }));
  expect(answers.slice(0, 50)).toMatchObject(Array(50).fill({ code: 'Producer.Unknown' }));
  expect([sends(), messages().length]).toEqual([50, 50]);
});

test('more than 10,000 waiting calls are refused at once', async () => {
  const { producer, open } = start();
  const all = Array.from({ length: 10_050 }, () => producer.jobs.get('unknown').catch(() => {}));
  const held = Array.from({ length: 50 }, (_, n) => producer.feedback(feedback(), owned(n)));
  expect(await codeOf(held.at(-1) ?? Promise.resolve())).toBe('Producer.NotSent');

  open();
  await Promise.allSettled([...all, ...held]);
});

const HOUR = 3_600_000;
test.each([
  ['before it begins', 'nothing', 'Producer.NotSent', 0],
  ['while its row is written', 'write', 'Producer.NotSent', 0],
  ['while its message is sent', 'send', 'Producer.Unknown', 1],
  ['while it is planned', 'planning', 'Producer.Unknown', 0],
] as const)(
  'a job that is aborted %s ends with its code, and a repeat of its key makes one job',
  async (when, holds, code, sent) => {
    const { producer, open, sends, rows, clock } = start(holds);
    const abort = new AbortController();
    const notBefore = holds === 'planning' ? { notBefore: new Date(clock.now() + HOUR).toISOString() } : {};
    const options = { ...owned('key'), ...notBefore };
    if (when === 'before it begins') abort.abort();

    const answer = codeOf(producer.feedback(feedback(), { ...options, signal: abort.signal }));
    await idle();
    abort.abort();
    expect(await answer).toBe(code);
    open();
    await idle();
    expect(sends()).toBe(sent);

    await producer.feedback(feedback(), options);
    expect(rows()).toHaveLength(1);
  },
);

test('each job of a batch that is aborted says whether it may be accepted', async () => {
  const { producer, open, sends } = start();
  const abort = new AbortController();

  const jobs = ['a', 'a', 'b'].map((user, n) => ({
    kind: 'feedback' as const,
    data: feedback(user),
    options: owned(n),
  }));
  const answer = producer.batch(jobs, { signal: abort.signal });
  while (sends() === 0) await idle();
  abort.abort();
  const codes = (await answer).map(({ error }) => (error as StoreError).code);
  open();

  expect(codes).toEqual(['Producer.Unknown', 'Producer.Unknown', 'Producer.Unknown']);
});

test('a batch has no time-out of its own', async () => {
  const { producer, open, sends, clock } = start();
  const jobs = [{ kind: 'feedback' as const, data: feedback(), options: owned('key') }];

  const answer = producer.batch(jobs);
  while (sends() === 0) await idle();
  clock.advance(60_000);
  await idle();
  open();

  expect(await answer).toMatchObject([{ accepted: { duplicate: false } }]);
});

test('closing waits for calls under way, and ends those that are left', async () => {
  const { producer, open, clock } = start();
  const inTime = producer.feedback(feedback('a'), owned('a'));
  await idle();
  const closed = producer.close();
  expect(await codeOf(producer.feedback(feedback('b')))).toBe('Producer.Closed');
  open();
  expect(await inTime).toMatchObject({ duplicate: false });
  await closed;

  const other = start();
  const late = codeOf(other.producer.feedback(feedback('a'), owned('a')));
  await idle();
  const closing = other.producer.close({ timeoutMs: 1_000 });
  await idle();
  other.clock.advance(1_000);
  await closing;
  expect(await late).toBe('Producer.Unknown');
  expect(clock.now()).toBeLessThan(other.clock.now());
});

test.each([
  ['signal', 'now'],
  ['signal', {}],
  ['timeoutMs', 0],
  ['timeoutMs', '5'],
])('a wrong %s is refused by its name', async (name, value) => {
  const { producer, asked } = start('nothing');
  const wrong = { [name]: value } as never;

  const calls = [
    ...[producer.feedback(feedback(), wrong), producer.batch([], wrong), producer.ready(wrong)],
    ...[producer.jobs.get('id', wrong), producer.jobs.wait('id', wrong), producer.campaigns.report('id', wrong)],
  ];

  for (const call of calls) await expect(call).rejects.toThrow(`options.${name}: must be `);
  expect(asked).toEqual([]);
});

test('a client whose connections are reset for a moment is ready after it', async () => {
  const { deps } = memoryProducerDeps();
  let resets = 3;
  const queues: typeof deps.queues = {
    ...deps.queues,
    sendBatch: (...given) =>
      resets-- > 0
        ? Promise.reject(new StoreError({ code: 'SQS.ECONNRESET', message: 'reset' }))
        : deps.queues.sendBatch(...given),
  };
  const clock = { now: deps.clock.now, sleep: () => new Promise<void>(() => {}) };
  const options = { analytics: packingLimits.parse({}), clock, marksAfterAnswer: false };
  const producer = clientOf(async () => ({ ...deps, queues }), options);

  await producer.ready();

  expect(resets).toBeLessThan(0);
});

test('a client that may not write or send is not ready, and is not asked again', async () => {
  const { deps } = memoryProducerDeps();
  const put = jest.fn(() =>
    Promise.reject(new StoreError({ code: 'DynamoDB.AccessDeniedException', message: 'denied' })),
  );
  const clock = { now: deps.clock.now, sleep: () => new Promise<void>(() => {}) };
  const options = { analytics: packingLimits.parse({}), clock, marksAfterAnswer: false };
  const producer = clientOf(async () => ({ ...deps, table: { ...deps.table, put } }), options);

  expect(await codeOf(producer.ready())).toBe('DynamoDB.AccessDeniedException');
  put.mockClear();
  expect(await codeOf(producer.feedback(feedback(), owned('key')))).toBe('DynamoDB.AccessDeniedException');
  expect(put).toHaveBeenCalledTimes(1);
});
