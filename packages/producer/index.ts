// biome-ignore-all lint/performance/noBarrelFile: this file is the entry of a package, whose exports come from several files
export type { AnalyticsEvent } from '../../lib/analytics/message';
export type { ProducerSettings } from '../../lib/config/common';
export { ConfigError } from '../../lib/config/environment';
export type { Campaign, CampaignStatus } from '../../lib/emails/campaigns/campaign';
export type { CampaignInput, EmailMessageInput } from '../../lib/emails/message';
export type { RecipientInput } from '../../lib/emails/recipients';
export type { CampaignControl, CampaignReport } from '../../lib/emails/report';
export { StoreError } from '../../lib/errors';
export type { FeedbackInput } from '../../lib/feedback/message';
export type { Completion, Facts, Log } from '../../lib/ports';
export { IdempotencyConflictError, InvalidJobError, JobNotFoundError, type Problem } from '../../lib/submit/errors';
export type { Results } from '../../lib/submit/kinds';
export type { SubmitOptions } from '../../lib/submit/options';
export type { Accepted } from '../../lib/submit/submit';
export type { Upload, UploadInput } from '../../lib/submit/uploads';
export type { InviteInput, NotifyBuild, RemoveInput } from '../../lib/testflight/message';
export type { BatchJob, BatchResult } from './batch';
export type { AcceptedCampaign, RecipientSource } from './campaign';
export type { ProducerClient as Producer } from './client';
export type { CancelledStatus, FindOptions, JobStatus, Jobs, WaitOptions } from './jobs';
export { realProducer as createProducer } from './real-producer';
export type {
  AwsEndpoints,
  ClientCredentials,
  Credentials,
  ProducerOptions,
} from './settings';
export type { PackingLimits } from './tracker';
export { UnsentEventsError } from './tracker';
