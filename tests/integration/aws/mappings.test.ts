import { LambdaClient } from '@aws-sdk/client-lambda';
import { realMappings } from '../../../lib/platform/aws/monitoring';
import { fakeAws } from '../../support/fake-aws';

/** A queue's mapping in a Lambda that refuses so many changes, as it does while another one is under way. */
async function start(refusals: number) {
  const asked: unknown[] = [];
  const aws = await fakeAws(({ request, body }) => {
    if (request.method === 'GET') return [200, '{"EventSourceMappings":[{"UUID":"mapping-1","State":"Enabled"}]}'];
    asked.push(JSON.parse(body));
    return asked.length > refusals ? [200, '{}'] : [409, '{"__type":"ResourceInUseException"}'];
  });
  const waits: number[] = [];
  const wait = async <T>(ms?: number) => void waits.push(Number(ms)) as T;
  const mappings = realMappings(new LambdaClient(aws.config), (queue) => `arn:aws:sqs:eu-west-1:1:${queue}`, wait);
  closed = aws.close;
  return { asked, waits, mappings };
}
let closed: () => Promise<void>;
afterEach(() => closed());

test.each([
  [2, 'done', 2],
  [1_000, 'Lambda.ResourceInUseException', 30],
])('a change that Lambda refuses %i times ends as %s after %i waits', async (refusals, end, waited) => {
  const { asked, waits, mappings } = await start(refusals);

  const change = mappings.set('emails', false).then(
    () => 'done',
    ({ code }) => code,
  );

  expect(await change).toBe(end);
  expect(waits).toEqual(Array.from({ length: waited }, () => 3_000));
  expect(asked).toEqual(Array.from({ length: waited + 1 }, () => ({ Enabled: false })));
});
