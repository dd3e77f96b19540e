import { failurePlan } from '../../../lib/local/fakes/failures';
import { killingFailure } from '../../../lib/local/kill';

const request = { method: 'POST', path: '/tickets' };
const met = { method: 'POST', path: '/tickets.json', body: 'from a@example.com' };

function recordingLambda() {
  const kills: { functionKey: string; matches: ((event: unknown) => boolean) | undefined }[] = [];
  return {
    kills,
    kill: (functionKey: string, matches?: (event: unknown) => boolean) => kills.push({ functionKey, matches }),
  };
}

test('only the worker with the marked message is killed, when its request arrives', () => {
  const lambda = recordingLambda();
  const plan = failurePlan();
  plan.add(killingFailure(lambda, { functionKey: 'feedback', request, marker: 'a@example.com', effect: true }));

  const other = plan.take({ ...met, body: 'from b@example.com' });
  const before = lambda.kills.length;
  const failure = plan.take(met);

  expect(other).toBeUndefined();
  expect(before).toBe(0);
  expect(failure).toMatchObject({ after: 'hang' });
  expect(lambda.kills.map(({ functionKey }) => functionKey)).toEqual(['feedback']);
  expect(lambda.kills[0]?.matches?.({ Records: [{ body: 'a@example.com' }] })).toBe(true);
  expect(lambda.kills[0]?.matches?.({ Records: [{ body: 'b@example.com' }] })).toBe(false);
});

test('a kill without effect makes the vendor do nothing', () => {
  const failure = killingFailure(recordingLambda(), { functionKey: 'feedback', request, marker: 'a', effect: false });

  expect(failure).toMatchObject({ before: 'hang' });
  expect(failure).not.toHaveProperty('after');
});
