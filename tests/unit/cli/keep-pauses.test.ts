import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { keepPauses } from '../../../lib/cli/keep-pauses';
import type { Serverless, Template } from '../../../lib/cli/serverless';
import { StoreError } from '../../../lib/errors';
import { readInstance } from '../../../lib/instances/read';
import { commonVariables } from '../../../lib/instances/variables';
import { pauseKey } from '../../../lib/jobs/keys';

/** A template with a mapping for each queue. */
const templateOf = (concurrency: number): Template => {
  const mapping = (queue: string) => ({
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      FunctionName: { 'Fn::GetAtt': [`${queue}Function`, 'Arn'] },
      Enabled: true,
      ScalingConfig: { MaximumConcurrency: concurrency },
    },
  });
  return { Resources: { EmailsMapping: mapping('emails'), FeedbackMapping: mapping('feedback') } };
};

let table: (key: string) => { status?: number; body: object };
let notes: string[];
let server: http.Server;

beforeEach(async () => {
  notes = [];
  jest.spyOn(process.stderr, 'write').mockImplementation((line) => notes.push(String(line)) > 0);
  server = http.createServer(async (request, response) => {
    const body = await text(request);
    if (request.headers['x-amz-target']) {
      const answer = table((JSON.parse(body) as { Key: { key: { S: string } } }).Key.key.S);
      return response.writeHead(answer.status ?? 200).end(JSON.stringify(answer.body));
    }
    const deployed = JSON.stringify(templateOf(2));
    return response.end(
      `<GetTemplateResponse><GetTemplateResult><TemplateBody>${deployed}</TemplateBody></GetTemplateResult></GetTemplateResponse>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  jest.restoreAllMocks();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** The template of a deployment of acme that would raise the concurrency of both queues. */
async function deployed(): Promise<Template> {
  const template = templateOf(9);
  const serverless = {
    service: {
      provider: { environment: commonVariables(readInstance('acme')), compiledCloudFormationTemplate: template },
      functions: {},
    },
    getProvider: () => ({
      getStage: () => 'prod',
      getRegion: () => 'eu-west-1',
      naming: { getLambdaLogicalId: (queue: string) => `${queue}Function` },
      getAwsSdkV3Config: async () => ({
        region: 'eu-west-1',
        credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
        endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        maxAttempts: 1,
      }),
    }),
  } as unknown as Serverless;
  await keepPauses(serverless, 'acme-jobs-prod');
  return template;
}

test('a deployment does not touch the mapping of a paused queue: its template has the deployed one', async () => {
  table = (key) => ({ body: key === pauseKey('emails') ? { Item: { key: { S: key }, version: { N: '1' } } } : {} });

  expect((await deployed()).Resources).toEqual({
    EmailsMapping: templateOf(2).Resources.EmailsMapping,
    FeedbackMapping: templateOf(9).Resources.FeedbackMapping,
  });
  expect(notes).toEqual([expect.stringContaining('emails is paused and stays so.')]);
});

test('a first deployment, which has no table yet, keeps its template', async () => {
  table = () => ({ status: 400, body: { __type: 'ResourceNotFoundException' } });

  expect(await deployed()).toEqual(templateOf(9));
});

test('a deployment ends if the pauses cannot be read', async () => {
  table = () => ({ status: 400, body: { __type: 'AccessDeniedException' } });

  await expect(deployed()).rejects.toThrow(StoreError);
});
