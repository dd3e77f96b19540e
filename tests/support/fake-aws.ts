import http from 'node:http';
import { text } from 'node:stream/consumers';
import type { AwsConfig } from '../../packages/cli/target';
import { close, listen } from '../../packages/local/loopback';

/** What a client of the AWS SDK asked. `action`: of SSM, Secrets Manager, DynamoDB, SQS or CloudFormation. */
export interface AwsRequest {
  request: http.IncomingMessage;
  body: string;
  action: string | undefined;
}

/** A server in place of AWS. `answer` gives the status and the body, or nothing if it answers by itself. */
export async function fakeAws(
  answer: (asked: AwsRequest, response: http.ServerResponse) => readonly [status: number, body: string] | undefined,
): Promise<{ url: string; config: AwsConfig; close(): Promise<void> }> {
  const server = http.createServer(async (request, response) => {
    const body = await text(request);
    const action = String(request.headers['x-amz-target'] ?? new URLSearchParams(body).get('Action') ?? '');
    const answered = answer({ request, body, action: action.split('.').at(-1) || undefined }, response);
    if (answered) response.writeHead(answered[0]).end(answered[1]);
  });
  const url = await listen(server, 0);
  const config = {
    ...{ region: 'eu-west-1', endpoint: url, maxAttempts: 1, forcePathStyle: true },
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  };
  return { url, config, close: () => close(server) };
}

export const xml = (action: string, inner = ''): string =>
  `<${action}Response><${action}Result>${inner}</${action}Result></${action}Response>`;

export function stackXml(outputs: Record<string, string>): string {
  const members = Object.entries(outputs).map(
    ([name, value]) => `<member><OutputKey>${name}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  );
  return xml('DescribeStacks', `<Stacks><member><Outputs>${members.join('')}</Outputs></member></Stacks>`);
}

export const NO_STACK = [400, '<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>'] as const;
