import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deadLetterMessage, messagesTable, messageText } from './demo/alarms';
import { analyticsDemo, EVENTS, INVALID_EVENTS } from './demo/analytics';
import { campaignDemo, RECIPIENTS } from './demo/campaign';
import { startProgress } from './demo/progress';
import { deadLettersTable, outcomesTable } from './demo/report';
import { type Outcome, runScenarios } from './demo/run';
import { feedbackOf, httpClient } from './demo/scenario';
import { scenarios } from './demo/scenarios';
import { verified } from './demo/verified';
import { type Service, startService } from './service';
import { packageService } from './template/package';

const LIMIT_MS = 100_000;
const ALARM_LIMIT_MS = 10_000;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** `npm run demo`: exits with 0 only if every outcome is as expected. */
async function main(): Promise<void> {
  const begun = Date.now();
  print('Packaging the functions of serverless.yml …');
  const directory = mkdtempSync(join(tmpdir(), 'local-package-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const packaged = await packageService({ stage: 'local', output: directory });
  const service = await startService({ packaged });
  stopOnSignals(service);
  print(
    `The service is running on ${service.api}. Sending ${scenarios.length} jobs, and one that the API must refuse …`,
  );
  try {
    const refused = await refusal(service);
    const progress = startProgress(scenarios.length);
    const outcomes = await runScenarios(service, { scenarios, progress, limitMs: LIMIT_MS });
    progress.stop();
    const analytics = await trackEvents(service);
    const campaign = await sendCampaign(service);
    const alarm = await deadLetterMessage(service.discord, { limitMs: ALARM_LIMIT_MS });
    print('\nVerifying all that was stored …');
    report(service, { outcomes, refused, alarm, analytics, campaign, found: await verified(service), begun });
  } finally {
    await service.stop();
  }
}

/** Runs the part of the analytics queue, with its own progress bar. */
async function trackEvents(service: Service) {
  print(`\nTracking ${EVENTS.toLocaleString('en')} events …`);
  const progress = startProgress(EVENTS + INVALID_EVENTS, 'events');
  return analyticsDemo(service, { progress, limitMs: LIMIT_MS }).finally(() => progress.stop());
}

/** Runs the part of the emails queue, with its own progress bar. */
async function sendCampaign(service: Service) {
  print(`\nSending a campaign to ${RECIPIENTS.toLocaleString('en')} recipients, with a pause …`);
  const progress = startProgress(RECIPIENTS, 'recipients');
  return campaignDemo(service, { progress, limitMs: LIMIT_MS }).finally(() => progress.stop());
}

/** Sends a job that the API must refuse. Returns the rules that the API names. */
async function refusal(service: Service): Promise<{ rules: string; differences: string[] }> {
  const { user: _user, ...anonymous } = feedbackOf('user@example.com');
  const { status, json } = await httpClient(service).post({ ...anonymous, subject: 'x'.repeat(151) });
  const errors = (json.errors ?? []) as { field: string; detail: string }[];
  return {
    rules: errors.map(({ field, detail }) => `${field}: ${detail}`).join('; '),
    differences: [
      ...(status === 400 ? [] : [`the refused job: expected status 400, got ${status}`]),
      ...(errors.length > 0 ? [] : ['the refused job: the answer names no rule']),
    ],
  };
}

interface Results {
  outcomes: Outcome[];
  refused: Awaited<ReturnType<typeof refusal>>;
  alarm: Awaited<ReturnType<typeof deadLetterMessage>>;
  analytics: Awaited<ReturnType<typeof analyticsDemo>>;
  campaign: Awaited<ReturnType<typeof campaignDemo>>;
  /** What the verifier found. */
  found: string[];
  begun: number;
}

/** Prints all results and the differences from the expected ones. A difference makes the process exit with 1. */
function report(service: Service, { outcomes, refused, alarm, analytics, campaign, found, begun }: Results): void {
  print(`\n${outcomesTable(outcomes)}`);
  print(`\nThe API refused one job with status 400: ${refused.rules}`);
  print(`\nThe dead-letter queue holds:\n\n${deadLettersTable(service.views.deadLetters(), outcomes)}\n`);
  print(`The alarm about it in Discord:\n\n  ${alarm ? messageText(alarm) : 'none'}\n`);
  print(`All messages in Discord:\n\n${messagesTable(service.discord.messages)}\n`);
  print(`Analytics: ${analytics.text}\n`);
  print(`Campaign: ${campaign.text}\n`);
  const wrong = [
    ...refused.differences,
    ...analytics.differences,
    ...campaign.differences,
    ...found.map((finding) => `sls verify: ${finding}`),
    ...(alarm ? [] : ['Discord got no alarm about the dead-letter queue']),
    ...outcomes.flatMap(({ title, differences }) => differences.map((difference) => `${title}: ${difference}`)),
  ];
  for (const line of wrong) print(`NOT AS EXPECTED  ${line}`);
  const seconds = Math.round((Date.now() - begun) / 1000);
  if (wrong.length > 0) process.exitCode = 1;
  else
    print(
      `Everything is as expected after ${seconds} s: ${service.zendesk.tickets.length} tickets, ${service.sendgrid.mails.length} e-mails and ${service.appStoreConnect.mails.length} e-mails from Apple, no duplicates.`,
    );
}

function stopOnSignals(service: Service): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void service.stop().finally(() => process.exit(130)));
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
