import { StoreError } from '../../../lib/errors';
import { pauseKey } from '../../../lib/jobs/keys';
import { keepPauses } from '../../../packages/cli/core';
import type { Template } from '../../../packages/cli/target';
import { readInstance } from '../../../resources/instances/read';
import { fakeAws, xml } from '../../support/fake-aws';
import { environmentOf } from '../../support/instances';
import { aTarget } from '../../support/operator';
import { fakeServerless } from '../../support/serverless';

/** A template with a mapping for each queue. */
const templateOf = (MaximumConcurrency: number): Template => {
  const Properties = { Enabled: true, ScalingConfig: { MaximumConcurrency } };
  const mapping = { Type: 'AWS::Lambda::EventSourceMapping', Properties };
  return { Resources: { [EMAILS]: mapping, FeedbackEventSourceMappingSQSFeedbackQueue: mapping } };
};
const EMAILS = 'EmailsEventSourceMappingSQSEmailsQueue';

let table: (key: string) => readonly [status: number, item: object];
let notes: string[];
let aws: Awaited<ReturnType<typeof fakeAws>>;

beforeEach(async () => {
  notes = [];
  jest.spyOn(process.stderr, 'write').mockImplementation((line) => notes.push(String(line)) > 0);
  aws = await fakeAws(({ body, action }) => {
    if (action === 'GetItem') {
      const [status, item] = table((JSON.parse(body) as { Key: { key: { S: string } } }).Key.key.S);
      return [status, JSON.stringify(item)];
    }
    return [200, xml('GetTemplate', `<TemplateBody>${JSON.stringify(templateOf(2))}</TemplateBody>`)];
  });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await aws.close();
});

/** The template of a deployment of acme that would raise the concurrency of both queues. */
async function deployed(): Promise<Template> {
  const template = templateOf(9);
  const environment = environmentOf(readInstance('acme'));
  const serverless = fakeServerless({ environment, template, hashKey: 'ssm:/acme/hash-key', config: aws.config });
  await keepPauses(serverless, { ...aTarget, by: 'me' }, 'acme-jobs-prod');
  return template;
}

test('a deployment does not touch the mapping of a paused queue: its template has the deployed one', async () => {
  table = (key) => [200, key === pauseKey('emails') ? { Item: { key: { S: key }, version: { N: '1' } } } : {}];

  const [own, next] = [templateOf(2), templateOf(9)].map(({ Resources }) => Resources);
  expect((await deployed()).Resources).toEqual({ ...next, [EMAILS]: own?.[EMAILS] });
  expect(notes).toEqual([expect.stringContaining('emails is paused and stays so.')]);
});

test('a first deployment, which has no table yet, keeps its template. It ends if the pauses cannot be read', async () => {
  table = () => [400, { __type: 'ResourceNotFoundException' }];
  expect(await deployed()).toEqual(templateOf(9));

  table = () => [400, { __type: 'AccessDeniedException' }];
  await expect(deployed()).rejects.toThrow(StoreError);
});
