import { ItemDamagedError } from '../../engine/jobs/items';
import { traceOf } from '../../engine/jobs/row';
import { type Job, messageType, type QueueContract, type RunContext } from '../../engine/worker/contract';
import { LIST_UNREADABLE } from '../../mail/suppression';
import {
  isRefusal,
  JobError,
  PermanentError,
  StopError,
  StoreError,
  VerdictError,
  wrongField,
} from '../../platform/errors';
import { CAMPAIGN_CHUNK, type Campaign, type Campaigns, chunkId } from './campaigns/campaign';
import { isBehindWave } from './campaigns/wave';
import { campaignKeys, type Manifest, type ReadDeps, readContent, readManifest, readPart } from './manifest';
import {
  type CampaignContent,
  type CampaignJob,
  type CampaignResult,
  type ChunkJob,
  campaignJobSchema,
  chunkJobSchema,
  EMAIL_CAMPAIGN,
  EMAIL_MESSAGE,
  type EmailMessage,
  type EmailResult,
  emailMessageSchema,
} from './message';
import { EMAILS_QUEUE } from './queue';
import { requestOf } from './request';
import { type SendDeps, send } from './send';

interface EmailDeps extends SendDeps, ReadDeps {
  campaigns: Campaigns;
  /** The domains that mails may come from. Empty: any. */
  senderDomains: readonly string[];
}

export function emailsContract(deps: EmailDeps): QueueContract {
  const recall = campaignReader(deps);
  return {
    queue: EMAILS_QUEUE,
    probes: { sendgrid: (call) => deps.sendgrid.probe(call) },
    types: {
      [EMAIL_MESSAGE]: messageType({
        schema: emailMessageSchema,
        process: (job: Job<EmailMessage>, context) => sendMessage(deps, job, context),
      }),
      [EMAIL_CAMPAIGN]: messageType({
        schema: campaignJobSchema,
        process: (job: Job<CampaignJob>) => startCampaign(deps, job),
      }),
      [CAMPAIGN_CHUNK]: messageType({
        schema: chunkJobSchema,
        paced: true,
        process: (job: Job<ChunkJob>, context) => sendChunk({ ...deps, recall }, job, context),
      }),
    },
  };
}

function sendMessage(deps: EmailDeps, { id, data, row }: Job<EmailMessage>, context: RunContext): Promise<EmailResult> {
  const { to, data: templateData, ...content } = data;
  checkSender(deps.senderDomains, content.from);
  const origin = { id, time: row.time, trace: traceOf(row) };
  const recipients = [{ ...to, data: templateData, number: 0 }];
  return send(deps, { use: 'message', request: async () => requestOf({ content, recipients, origin }) }, context);
}

async function startCampaign(deps: EmailDeps, { id, data, row, envelope }: Job<CampaignJob>): Promise<CampaignResult> {
  const { sendAt, ...plan } = data;
  const { chunks, recipients } = plan;
  const foreign = wrongField('ManifestChanged', 'data.manifest', 'belongs to another campaign');
  // A key elsewhere may be one that this function must not read.
  if (data.manifest.key !== campaignKeys(deps.prefix, id).manifest(data.manifest.sha256)) throw foreign;
  const manifest = await readManifest(deps, data.manifest);
  if (manifest.campaign !== id || manifest.parts.length !== chunks) throw foreign;
  if (deps.senderDomains.length > 0) checkSender(deps.senderDomains, (await readContent(deps, manifest)).from);
  const times = { time: row.time, startsAt: Math.max(row.time, sendAt === undefined ? 0 : Date.parse(sendAt)) };
  const started = await deps.campaigns.start({ ...plan, ...traceOf(row), ...times, id, source: envelope.source });
  if (started?.manifest.sha256 !== plan.manifest.sha256)
    throw wrongField('ManifestChanged', 'data.manifest', 'differs from that of the campaign, which has begun');
  return { chunks, recipients };
}

async function sendChunk(
  deps: EmailDeps & { recall: ReturnType<typeof campaignReader> },
  { id, data, row }: Job<ChunkJob>,
  context: RunContext,
) {
  const { campaigns, recall } = deps;
  // Any program can name a chunk. Only under the chunk's own id does its row show that it was sent.
  if (id !== chunkId(data.campaign, data.number))
    throw wrongField('ForeignChunk', 'data.campaign', 'the message is not the chunk that it names');
  const campaign = await readCampaign(campaigns, data.campaign);
  const { id: of, round, chunkSize } = campaign;
  const first = data.number * chunkSize;
  const origin = { id, time: row.time, campaign: of, first, round, trace: traceOf(campaign) };
  try {
    const accepted = await send(
      deps,
      {
        use: 'campaign',
        request: async (excluded) => {
          refuseIfStopped(campaign, data.number);
          const { manifest, content } = await recall(campaign);
          checkSender(deps.senderDomains, content.from);
          const part = await readPart(deps, manifest, data.number);
          // An erasure leaves a line for each person.
          if (part.length !== data.recipients)
            throw wrongField('ManifestChanged', 'data.number', 'the chunk has not the recipients that were accepted');
          const recipients = part.map((person, number) => ({ ...person, number }));
          return requestOf({ content, recipients: recipients.filter(({ number }) => !excluded.has(number)), origin });
        },
        check: async () => refuseIfStopped(await readCampaign(campaigns, data.campaign), data.number),
      },
      context,
    );
    if (campaign.refusals > 0) await campaigns.accepted(campaign.id);
    return { ...accepted, campaign: campaign.id, recipients: data.recipients };
  } catch (error) {
    if (error instanceof StoreError && error.code === LIST_UNREADABLE) {
      await campaigns.pause(campaign.id, error.code);
      throw new VerdictError('paused');
    }
    if (error instanceof JobError) await pauseIfNeeded(deps, campaign, error);
    throw error;
  }
}

async function readCampaign(campaigns: Campaigns, id: string): Promise<Campaign> {
  const campaign = await campaigns.read(id).catch((error: unknown) => {
    // It waits as if an operator had paused the campaign, until a person has restored that.
    throw error instanceof ItemDamagedError ? new VerdictError('paused', { cause: error }) : error;
  });
  if (campaign) return campaign;
  throw wrongField('CampaignMissing', 'data.campaign', 'there is no such campaign');
}

function refuseIfStopped(campaign: Campaign, chunk: number): void {
  const { status } = campaign;
  if (status === 'cancelled') throw new VerdictError('cancelled');
  if (status === 'paused' || isBehindWave(campaign, chunk)) throw new VerdictError('paused');
}

/** Pauses the campaign if our configuration or the campaign is the cause. */
async function pauseIfNeeded({ campaigns }: EmailDeps, campaign: Campaign, error: JobError): Promise<void> {
  const { code } = error;
  if (error instanceof StopError && isRefusal(code)) await campaigns.pause(campaign.id, code);
  else if (error instanceof PermanentError) await campaigns.refused(campaign.id, code);
}

/** Reads what all chunks of a campaign share, once while they follow each other. The hash is checked, so it is the same. */
function campaignReader(deps: ReadDeps) {
  let last: { sha256: string; manifest: Manifest; content: CampaignContent } | undefined;
  return async ({ manifest: reference }: Campaign) => {
    if (last?.sha256 === reference.sha256) return last;
    const manifest = await readManifest(deps, reference);
    last = { sha256: reference.sha256, manifest, content: await readContent(deps, manifest) };
    return last;
  };
}

/** Refuses a sender of a domain that is not listed: clients may share an account. An empty list allows every sender. */
function checkSender(domains: readonly string[], { email }: { email: string }): void {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  if (domains.length === 0 || domains.includes(domain)) return;
  const rule = 'its domain is not one of the sender domains of this instance';
  throw wrongField('SenderNotAllowed', 'data.from.email', rule);
}
