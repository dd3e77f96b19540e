import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runScenarios, verified } from './demo/run';
import { scenarios } from './demo/scenarios';
import { startService } from './service';
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
  print(`The service is running on ${service.api}. Sending ${scenarios.length} jobs …`);
  try {
    const unexpected = await runScenarios(service, { scenarios, limitMs: LIMIT_MS, print });
    print('\nVerifying all that was stored …');
    const wrong = [...unexpected, ...(await verified(service)).map((finding) => `sls verify: ${finding}`)];
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

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
