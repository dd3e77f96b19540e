import { setTimeout as sleep } from 'node:timers/promises';
import { chunkId } from '../../emails/campaigns/chunk';
import type { CampaignReport } from '../../emails/report';
import type { Service } from '../service';
import type { Progress } from './progress';
import { textTable } from './text-table';

export const RECIPIENTS = 5_000;
/** The recipients of one chunk, half a second of the rate on this machine. */
const REFUSED = 250;
const ACCEPTED = RECIPIENTS - REFUSED;
const LOOK_MS = 250;
const PAUSE_MS = 3_000;
/** One duplicate and one invalid address, so 5,000 of 5,002 entries are recipients. */
const REJECTED = ['user-7@EXAMPLE.com', 'not an address'];

export interface CampaignOutcome {
  /** The text to print. */
  text: string;
  /** Empty if everything is as expected. */
  differences: string[];
}

/**
 * Sends a campaign of twenty chunks, pauses it after the first chunk and resumes it. SendGrid throttles one chunk and
 * refuses another. The answer for a third one is lost, and SendGrid's events resolve that step.
 */
export async function campaignDemo(
  service: Service,
  { progress, limitMs }: { progress: Progress; limitMs: number },
): Promise<CampaignOutcome> {
  const until = Date.now() + limitMs;
  const begun = Date.now();
  const id = await start(service);
  const meets = (chunk: number) => ({ path: '/v3/mail/send', bodyContains: chunkId(id, chunk) });
  service.sendgrid.fail({ ...meets(1), status: 429, headers: { 'retry-after': '3' } });
  service.sendgrid.fail({ ...meets(2), status: 400 });
  service.sendgrid.fail({ ...meets(3), after: 'reset' });

  const show = shower(progress);
  const look = async (enough: (report: CampaignReport) => boolean): Promise<CampaignReport | undefined> => {
    for (;;) {
      const report = await reportOf(service, id);
      if (report) show(report);
      if ((report && enough(report)) || Date.now() > until) return report;
      await sleep(LOOK_MS);
    }
  };
  await look(({ accepted }) => accepted > 0);
  await decide(service, id, 'pause');
  // SendGrid answers the running requests within this second.
  await sleep(1_000);
  const sent = sentTo(service, id);
  await sleep(PAUSE_MS);
  const still = await look(() => true);
  const sentMeanwhile = sentTo(service, id) - sent;
  await decide(service, id, 'resume');
  const ended = await look(({ status, events }) => status === 'ended' && (events.delivered ?? 0) >= ACCEPTED);
  const seconds = (Date.now() - begun) / 1000;
  return {
    text: shown(ended, seconds),
    differences: [
      ...(still?.status === 'paused'
        ? []
        : [`campaign: status during the pause: expected paused, got ${still?.status}`]),
      ...(sentMeanwhile === 0 ? [] : [`campaign: ${sentMeanwhile} e-mails were sent during the pause`]),
      ...differences(service, id, ended),
    ],
  };
}

async function start({ api }: Service): Promise<string> {
  const people = Array.from({ length: RECIPIENTS }, (_, n) => `user-${n}@example.com`);
  const answer = await fetch(`${api}/campaigns`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      name: 'Spring',
      from: { email: 'news@example.com', name: 'Example News' },
      subject: 'Hello {{name}}',
      text: 'Spring is here, {{name}}.',
      unsubscribe: { link: 'https://example.com/leave?who={name}' },
      categories: ['spring'],
      recipients: [...people, ...REJECTED].map((email, n) => ({ email, data: { name: `User ${n}` } })),
    }),
  });
  const { id } = (await answer.json()) as { id?: string };
  if (answer.status !== 202 || id === undefined) throw new Error(`the API answered ${answer.status} instead of 202`);
  return id;
}

/** `undefined` until the job of the campaign has run. */
async function reportOf({ api }: Service, id: string): Promise<CampaignReport | undefined> {
  const answer = await fetch(`${api}/campaigns/${id}`);
  return answer.ok ? ((await answer.json()) as CampaignReport) : undefined;
}

async function decide({ api }: Service, id: string, action: 'pause' | 'resume'): Promise<void> {
  const answer = await fetch(`${api}/campaigns/${id}/${action}`, { method: 'POST' });
  if (!answer.ok) throw new Error(`the API answered ${answer.status} to ${action}`);
}

const sentTo = ({ sendgrid }: Service, id: string): number =>
  sendgrid.mails.filter(({ customArgs }) => customArgs.campaign === id).length;

/** Reports each change as a line or a step of the bar. */
function shower(progress: Progress) {
  let before = '';
  return ({ status, accepted, refused, unknown, paused }: CampaignReport): void => {
    const state = `${status}: ${accepted} accepted, ${refused} refused, ${unknown} unknown, ${paused} paused`;
    if (state === before) return;
    before = state;
    progress.report({ what: 'campaign', state, done: accepted + refused, waitingFor: status });
  };
}

function shown(report: CampaignReport | undefined, seconds: number): string {
  if (!report) return 'no report';
  const { requested, duplicates, rejected, accepted, refused, unknown, events } = report;
  const told = Object.entries(events).map(([event, count]) => [`SendGrid: ${event}`, count] as const);
  const rows = Object.entries({ requested, duplicates, rejected, accepted, refused, unknown }).concat(
    told.map(([name, count]) => [name, count]),
  );
  return [
    `${report.recipients} recipients in ${seconds.toFixed(1)} s, with the pause.`,
    '',
    textTable(
      ['Campaign', 'Recipients'],
      rows.map(([name, count]) => [name, String(count)]),
    ),
  ].join('\n');
}

function differences(service: Service, id: string, report: CampaignReport | undefined): string[] {
  const expected: Partial<CampaignReport> = {
    status: 'ended',
    requested: RECIPIENTS + REJECTED.length,
    duplicates: 1,
    rejected: 1,
    accepted: ACCEPTED,
    refused: REFUSED,
    unknown: 0,
  };
  const wrong = Object.entries(expected).flatMap(([name, mustBe]) => {
    const is = report?.[name as keyof CampaignReport];
    return is === mustBe ? [] : [`campaign: ${name}: expected ${mustBe}, got ${is}`];
  });
  const mails = service.sendgrid.mails.filter(({ customArgs }) => customArgs.campaign === id).flatMap(({ to }) => to);
  const delivered = report?.events.delivered;
  return [
    ...wrong,
    ...(delivered === ACCEPTED ? [] : [`campaign: delivered events: expected ${ACCEPTED}, got ${delivered}`]),
    ...(mails.length === ACCEPTED && new Set(mails).size === ACCEPTED
      ? []
      : [`campaign: expected ${ACCEPTED} e-mails to as many addresses, got ${mails.length} to ${new Set(mails).size}`]),
  ];
}
