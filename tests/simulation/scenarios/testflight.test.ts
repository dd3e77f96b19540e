import { HOUR_MS, jobs, MINUTE_MS, scenario } from './scenario';

const resolution = { after: HOUR_MS };

test.each([
  ['lost', 1],
  ['silent', 1],
  ['late', 1],
  ['mute', 0],
] as const)(
  'a second invitation whose answer is %s stays unknown until an operator resolves it, and the next job does not wait',
  async (fault, mails) => {
    const plan = {
      queue: 'testflight',
      jobs: jobs('resend', ['good', { at: 1_000 }]),
      calls: [{ kind: 'apple.invite', nth: 1, fault }],
    };

    const unresolved = await scenario(plan);
    const resolved = await scenario({ ...plan, resolution });

    expect(unresolved.states()).toEqual(['held (unknown)', 'succeeded']);
    expect(resolved.states()).toEqual(['succeeded', 'succeeded']);
    expect(resolved.reached(`resolved as ${mails === 1 ? 'done' : 'skipped'}`)).toBe(1);
    expect(resolved.reached('effect invitation')).toBe(mails + 1);
  },
);

test.each([
  ['lost', 'succeeded', 1],
  ['mute', 'cancelled (operator)', 0],
] as const)(
  'a mail about a build whose answer is %s is not sent again, and its job ends as %s',
  async (fault, state, mails) => {
    const { states, reached } = await scenario({
      queue: 'testflight',
      jobs: jobs('build'),
      calls: [{ kind: 'apple.notifyBuild', nth: 1, fault }],
      resolution,
    });

    expect(states()).toEqual([state]);
    expect(reached('effect build mail')).toBe(mails);
  },
);

test('a job that may have sent its invitation asks once more when Apple did not answer its last attempt', async () => {
  const { states, row, reached } = await scenario({
    queue: 'testflight',
    jobs: jobs('good'),
    calls: [{ kind: 'apple.invite', nth: 1, fault: 'lost' }],
    outages: [{ target: 'apple', from: 1_500, until: 20 * MINUTE_MS, fault: 'refused' }],
  });

  expect(states()).toEqual(['succeeded']);
  expect(row(0).attempts).toBe(4);
  expect(reached('effect invitation')).toBe(1);
});

test('of two commands about a tester the later one wins, although the earlier one was held', async () => {
  const { states, row } = await scenario({
    queue: 'testflight',
    jobs: jobs('joins', ['build', { group: 1 }], ['leaves', { at: 1_000 }]),
    calls: [{ kind: 'apple.createTester', nth: 1, fault: 'throttled' }],
  });

  expect(states()).toEqual(['cancelled (superseded)', 'succeeded', 'succeeded']);
  expect(row(0).history.at(-1)?.note).toBe(row(2).id);
});
