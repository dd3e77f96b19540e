import { isDeepStrictEqual } from 'node:util';
import { isEnd, type JobRow } from '../../../lib/engine/jobs/row';
import { suppressKey } from '../../../lib/mail/suppression';
import { type Campaign, chunkId, chunkRecipients } from '../../../lib/queues/emails/campaigns/campaign';
import { type CampaignReport, campaignReport } from '../../../lib/queues/emails/report';
import { outcomesApart } from '../../../lib/queues/emails/request';
import { ofKind } from '../../support/history';
import { type JobKind, skewOf } from '../draw/plan';
import { addressesOf, beginsAt, chunkKind, countsOf } from '../queues/campaigns';
import type { Input } from '../world/callers';
import { campaignsOf, chunkRow } from '../world/campaigns';
import type { World } from '../world/types';
import { MARK } from '../world/watch';
import { cannotSucceed, undeservedDeath } from './ends-are-deserved';
import type { Promised } from './rest';

/** No recipient got two mails, each chunk has one end, and the report agrees with SendGrid about every recipient. */
export const campaignsAreExact: Promised = async (world, inputs) => {
  if (!world.queue.controlled) return undefined;
  for (const campaign of campaignsOf(world)) {
    const input = inputs.find(({ id }) => id === campaign.id);
    // A campaign can exist although its caller never heard of its acceptance.
    const wrong =
      (input ? wrongWithPlan(world, campaign, input) : undefined) ??
      wrongWithMails(world, campaign, input) ??
      wrongWithChunks(world, campaign, input) ??
      wrongWithReport(world, campaign, await reportOf(world, campaign)) ??
      (JSON.stringify(campaign).includes(MARK) ? 'shows something private' : undefined);
    if (wrong) return `campaigns are kept: campaign ${campaign.id} ${wrong}`;
  }
  return undefined;
};

const reportOf = ({ watch, stores: { objects } }: World, campaign: Campaign): Promise<CampaignReport> =>
  campaignReport(
    { objects, prefix: 'jobs', ledger: { get: async (key) => (watch.broken.has(key) ? undefined : watch.row(key)) } },
    campaign,
  );

function wrongWithPlan(world: World, campaign: Campaign, { spec, index }: Input): string | undefined {
  const { requested, duplicates, rejected, recipients, chunks } = campaign;
  const counts = { requested, duplicates, rejected, recipients, chunks };
  if (campaign.startsAt < beginsAt(world, index) - skewOf(world.plan)) return 'begins before its requested time';
  return isDeepStrictEqual(counts, countsOf(spec, index)) ? undefined : `has ${JSON.stringify(counts)}`;
}

const mailsOf = ({ vendors }: World, { id }: Campaign) =>
  vendors.sendgrid.mails.filter(({ customArgs }) => customArgs.campaign === id);

function wrongWithMails(world: World, campaign: Campaign, input: Input | undefined): string | undefined {
  const sent = mailsOf(world, campaign).flatMap(({ to }) => to);
  if (new Set(sent).size < sent.length) return 'has sent one address two mails';
  const known = input && addressesOf(input.spec, input.index);
  return known && sent.some((address) => !known.includes(address)) ? 'has sent a mail to a stranger' : undefined;
}

function wrongWithChunks(world: World, campaign: Campaign, input: Input | undefined): string | undefined {
  for (let number = 0; number < campaign.chunks; number++) {
    const row = chunkRow(world, campaign, number);
    if (number < campaign.released && !row) return `has released chunk ${number}, which has no row`;
    if (!row) continue;
    if (campaign.endedAt !== undefined && !isEnd(row.state) && row.generation === 1)
      return `has ended without chunk ${number}, which is ${row.state} (${row.reason})`;
    const wanted = campaign.status === 'cancelled' || row.steps.send?.status === 'skipped' || isByCommand(row);
    if (row.state === 'cancelled' && !wanted) return `has lost chunk ${number}: it is cancelled (${row.reason})`;
    const isRefused = input?.spec.kind === 'one-refused' && isLeftWithOne(campaign, number, row);
    const undeserved = input && undeservedEnd(world, row, isRefused ? 'refused' : chunkKind(input.spec, number));
    if (undeserved) return `has chunk ${number} ${row.state} (${row.reason}, ${row.error?.code}): ${undeserved}`;
  }
  return undefined;
}

/** Whether all of a dead chunk's addresses got no mail before, apart from one. */
const isLeftWithOne = (campaign: Campaign, number: number, { state, steps }: JobRow): boolean =>
  state === 'dead' && outcomesApart((step) => steps[step]).size === chunkRecipients(campaign, number) - 1;

/** Whether an operator cancelled this job. No run did, so the history has no message id. */
const isByCommand = ({ history }: JobRow): boolean => history.findLast(ofKind('cancelled'))?.messageId === undefined;

function undeservedEnd(world: World, row: JobRow, kind: JobKind): string | undefined {
  // A chunk whose recipients are all suppressed is not sent.
  if (row.state === 'succeeded' && row.steps.send && cannotSucceed(kind)) return `a ${kind} chunk cannot succeed`;
  return row.state === 'dead' ? undeservedDeath(world, row, kind) : undefined;
}

function wrongWithReport(world: World, campaign: Campaign, report: CampaignReport): string | undefined {
  const { requested, rejected, duplicates, recipients, accepted, refused, unknown, cancelled } = report;
  const { suppressed, underWay, paused, notReleased, jobs, events } = report;
  const says = `says ${JSON.stringify({ accepted, suppressed, refused, unknown, cancelled, underWay, paused, notReleased, events })}`;
  const all = accepted + suppressed + refused + unknown + cancelled + underWay + paused + notReleased;
  if (all !== recipients || requested !== rejected + duplicates + recipients) return `${says} of ${recipients}`;
  const { controls, erasures = [] } = world.plan;
  const erased = new Set(erasures.map(({ person }) => person.email)).size;
  const noted = [...world.watch.items.keys()].filter((key) => key.startsWith(suppressKey(''))).length;
  const listed = controls.filter(({ what }) => what === 'suppress').length + erased + noted;
  if (suppressed > listed) return `${says}, but ${listed} were suppressed`;
  if (suppressed > 0) world.reach('suppressed recipient');
  if (underWay > 0) return `${says}, although nothing is under way`;
  const mails = mailsOf(world, campaign);
  const known = mails.filter(({ customArgs }) => !jobs.unknown.includes(customArgs.job ?? ''));
  if (accepted !== known.length) return `${says}, but SendGrid accepted ${known.length}`;
  const reported = mails.filter((mail) => world.vendors.reported.get(mail)?.has('delivered')).length;
  if ((events.delivered ?? 0) !== reported) return `${says}, and SendGrid reported ${reported}`;
  const ids = Array.from({ length: campaign.chunks }, (_, number) => chunkId(campaign.id, number));
  return mails.every(({ customArgs }) => ids.includes(customArgs.job ?? ''))
    ? undefined
    : 'has a chunk of another campaign';
}
