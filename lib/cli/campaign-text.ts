import type { Campaign } from '../emails/campaigns/campaign';
import type { CampaignReport } from '../emails/report';
import { RECIPIENT_WORDS, statusOf } from '../ops/campaign-view';
import { timeText } from '../text';
import { tableText } from './text';

export function campaignLines(campaigns: readonly Campaign[]): string[] {
  if (campaigns.length === 0) return ['No campaigns.'];
  const head = ['ID', 'NAME', 'STATUS', 'RECIPIENTS', 'RELEASED', 'ACCEPTED (UTC)', 'STARTS', 'ENDED'];
  const cells = campaigns.map((campaign) => [
    campaign.id,
    campaign.name ?? '',
    statusOf(campaign),
    String(campaign.recipients),
    `${campaign.released} of ${campaign.chunks} chunks`,
    timeText(campaign.time),
    campaign.startsAt > campaign.time ? timeText(campaign.startsAt) : '',
    timeText(campaign.endedAt),
  ]);
  return tableText(head, cells);
}

/** Ids that are worth a line each; JSON has them all. */
const MOST_IDS = 10;

/** A report for operators: what was requested, what happened to it, what SendGrid reported, and what to do next. */
export function reportLines(report: CampaignReport, sls: (text: string) => string): string[] {
  const { campaign, name, requested, rejected, duplicates, recipients, chunks, jobs, events } = report;
  const kinds = Object.entries(RECIPIENT_WORDS) as [keyof typeof RECIPIENT_WORDS, string][];
  return [
    `campaign ${campaign}: ${statusOf(report)}${name === undefined ? '' : `, ${name}`}`,
    ...counts([
      ['requested', requested],
      ['rejected', rejected],
      ['duplicates', duplicates],
      ['recipients', recipients],
    ]),
    '',
    ...counts(kinds.map(([kind, shown]) => [shown, report[kind]] as const)),
    `  ${chunks.released} of ${chunks.all} chunks released`,
    ...section('SendGrid reported', counts(Object.entries(events))),
    ...section(
      `Outcome unknown. Say whether it took effect (done) or not (skipped): ${sls('jobs settle ID --step send --as ANSWER')}`,
      ids(jobs.unknown),
    ),
    ...section(
      `Refused. See why: ${sls('jobs show ID')}. Once it is fixed: ${sls('jobs retry ID')}`,
      ids(jobs.refused),
    ),
  ];
}

function counts(rows: readonly (readonly [string, number])[]): string[] {
  const names = Math.max(...rows.map(([name]) => name.length));
  const digits = Math.max(...rows.map(([, count]) => String(count).length));
  return rows.map(([name, count]) => `  ${name.padEnd(names)}  ${String(count).padStart(digits)}`);
}

const ids = (all: readonly string[]): string[] => [
  ...all.slice(0, MOST_IDS).map((id) => `  ${id}`),
  ...(all.length > MOST_IDS ? [`  and ${all.length - MOST_IDS} more: --json has them all`] : []),
];

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', title, ...lines];
