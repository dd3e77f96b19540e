import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Outcome, runScenarios, stateOf, verified } from './demo/run';
import { feedbackOf, post, scenarios } from './demo/scenarios';
import { type Service, startService } from './service';
import { type Packaged, packageService } from './template/package';

const LIMIT_MS = 100_000;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** `npm run demo`: exits with 0 only if every outcome is as expected. */
async function main(): Promise<void> {
  const begun = Date.now();
  print('Packaging the functions of serverless.yml …');
  const directory = mkdtempSync(join(tmpdir(), 'local-package-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const packaged = await packageService({ stage: 'local', output: directory });
  const service = await startService({ packaged: impatient(packaged) });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void service.stop().finally(() => process.exit(130)));
  print(
    `The service is running on ${service.api}. Sending ${scenarios.length} jobs, and one that the API must refuse …`,
  );
  try {
    const refused = await refusal(service);
    const outcomes = await runScenarios(service, { scenarios, limitMs: LIMIT_MS, print });
    print('\nVerifying all that was stored …');
    const found = await verified(service);
    const wrong = [
      ...refused.differences,
      ...found.map((finding) => `sls verify: ${finding}`),
      ...outcomes.flatMap(({ title, differences }) => differences.map((difference) => `${title}: ${difference}`)),
    ];
    report(outcomes);
    print(`The API refused one job with status 400: ${refused.rules}\n`);
    for (const line of wrong) print(`NOT AS EXPECTED  ${line}`);
    const [tickets, mails] = [service.zendesk.tickets.length, service.sendgrid.mails.length];
    const seconds = Math.round((Date.now() - begun) / 1000);
    if (wrong.length > 0) process.exitCode = 1;
    else print(`Everything is as expected after ${seconds} s: ${tickets} tickets, ${mails} e-mails, no duplicates.`);
  } finally {
    await service.stop();
  }
}

/** The message of a killed worker comes back after the visibility timeout. Half of it is enough. */
function impatient({ resources, ...packaged }: Packaged): Packaged {
  const changed = Object.entries(resources).map(([id, resource]) => {
    const seconds = resource.Properties?.VisibilityTimeout;
    if (resource.Type !== 'AWS::SQS::Queue' || typeof seconds !== 'number') return [id, resource];
    const VisibilityTimeout = Math.ceil(seconds / 2);
    return [id, { ...resource, Properties: { ...resource.Properties, VisibilityTimeout } }];
  });
  return { ...packaged, resources: Object.fromEntries(changed) };
}

/** Sends a job that the API must refuse. Returns the rules that the API names. */
async function refusal(service: Service): Promise<{ rules: string; differences: string[] }> {
  const { user: _user, ...anonymous } = feedbackOf('user@example.com');
  const { status, json } = await post(service, { ...anonymous, subject: 'x'.repeat(151) });
  const errors = (json.errors ?? []) as { field: string; detail: string }[];
  return {
    rules: errors.map(({ field, detail }) => `${field}: ${detail}`).join('; '),
    differences: status === 400 && errors.length > 0 ? [] : [`the refused job: status ${status}`],
  };
}

/** Prints how each job ended: attempts, steps, why it is dead, and where its record is. */
function report(outcomes: Outcome[]): void {
  for (const { title, job } of outcomes) {
    const { attempts = 0, steps = {}, error } = job ?? {};
    const done = Object.entries(steps).map(([name, { status }]) => `${name} ${status}`);
    const why = error ? [`${error.code}: ${error.message}`] : [];
    print(`\n${title}: ${stateOf(job)}\n  ${[`attempts ${attempts}`, ...done, ...why].join(' · ')}`);
  }
  print('');
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
