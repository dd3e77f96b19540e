import { jsonOf } from '../../lib/platform/text';
import { announce } from './connection';
import type { Invocation } from './lambda/runtime';
import { checkPort, portFrom, portsFrom } from './loopback';
import { type Service, startService } from './service';
import { onStop, run } from './stop';
import { packageStage } from './template/package';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const first = portFrom(process.env.PORT);
  const listenOn = portsFrom(first);
  for (const port of Object.values(listenOn)) await checkPort(port, first);
  print('Packaging the functions of serverless.yml …');
  const service = await startService({
    packaged: await packageStage('local'),
    listenOn,
    onInvocation: (invocation) => {
      for (const line of invocationLines(invocation)) print(`${new Date().toISOString().slice(11, 19)}  ${line}`);
    },
  });
  const withdraw = announce(service.endpoints);
  for (const line of greeting(service)) print(line);

  onStop(() => {
    withdraw();
    const stopped = service.stop().then(() => print('Stopped.'));
    stopped.catch(() => process.exit(1));
  });
}

function greeting({ endpoints: { api, sqs, s3, dynamodb, aws }, declared }: Service): string[] {
  const sample = '{"user":{"email":"user@example.com"},"subject":"Hello","message":"It works"}';
  return [
    '',
    'The service is running. It keeps everything in memory and listens on 127.0.0.1 only.',
    '',
    `  Console   ${api}/   queues, jobs and fake vendors in a browser`,
    `  API       ${api}   its routes: ${api}/openapi.json`,
    `  Fakes     ${api}/fakes   what the vendors have taken, and how to make them fail`,
    `  AWS       SQS ${sqs} · S3 ${s3} · DynamoDB ${dynamodb} · others ${aws}`,
    `  Queues    ${declared.queues.map(({ name }) => name).join(' · ')}`,
    '',
    'Send a job, or run a function from another terminal:',
    '',
    `  curl -si ${api}/feedback -H 'content-type: application/json' -d '${sample}'`,
    '  npx sls invoke local -f feedback -p tests/fixtures/feedback.json',
    '',
    'Make a vendor fail, here Zendesk in its next three calls, and work again. The console does it by a click:',
    '',
    `  curl -si ${api}/fakes/zendesk -d '{"status":503,"times":3}'`,
    `  curl -si ${api}/fakes/zendesk -X DELETE`,
    '',
    'Connect another project that has installed the producer (npm run pack:producer):',
    '',
    '  npx sls producer env > ../my-api/.env',
    '',
    'Press Ctrl-C to stop it.',
    '',
  ];
}

/** Fields that are always the same or already on the line. */
const hidden = new Set(['level', 'message', 'timestamp', 'service', 'sampling_rate', 'queue']);

/** The terminal lines of an invocation: its log without metrics and canaries, and how it failed. */
function invocationLines({ function: name, result, ms, cold, log }: Invocation): string[] {
  const lines = log.flatMap((line) => {
    const json = jsonOf(line) as Record<string, unknown> | undefined;
    if (typeof json !== 'object' || json === null) return [`${name}  ${line}`];
    if ('_aws' in json || (json.canary === true && json.level === 'INFO')) return [];
    const facts = Object.entries(json)
      .filter(([key]) => !hidden.has(key))
      .map(([key, value]) => `${key}=${String(value)}`);
    return [`${name}  ${String(json.message)}  ${facts.join(' ')}`];
  });
  if (result.kind === 'answer') return lines;
  return [...lines, `${name}  failed (${result.reason}) after ${ms} ms${cold ? ' (cold start)' : ''}`];
}

if (require.main === module) run(main);
