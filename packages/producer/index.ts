// biome-ignore-all lint/performance/noBarrelFile: this file is the entry of a package, whose exports come from several files
export type { AnalyticsEvent } from '../../lib/analytics/event';
export { ConfigError } from '../../lib/config/environment';
export type { ProducerSettings } from '../../lib/config/producer';
export type { Campaign, CampaignStatus } from '../../lib/emails/campaigns/campaign';
export type { CampaignInput, EmailMessageInput } from '../../lib/emails/message';
export type { RecipientInput } from '../../lib/emails/recipient';
export type { CampaignControl, CampaignReport } from '../../lib/emails/report';
export { StoreError } from '../../lib/errors';
export type { FeedbackInput } from '../../lib/feedback/message';
export type { Completion, Facts, Log } from '../../lib/ports';
export type { BatchJob, BatchResult } from '../../lib/producer/batch';
export type { AcceptedCampaign, RecipientSource } from '../../lib/producer/campaign';
export { IdempotencyConflictError, InvalidJobError, JobNotFoundError, type Problem } from '../../lib/producer/errors';
export type { CancelledStatus, FindOptions, JobStatus, Jobs, WaitOptions } from '../../lib/producer/jobs';
export type { PackingLimits } from '../../lib/producer/packer';
export { type ProducerClient as Producer, realProducer as createProducer } from '../../lib/producer/real-producer';
export type {
  AwsEndpoints,
  ClientCredentials,
  Credentials,
  ProducerOptions,
} from '../../lib/producer/settings';
export type { Accepted } from '../../lib/producer/submit';
export { UnsentEventsError } from '../../lib/producer/tracker';
export type { Upload, UploadInput } from '../../lib/producer/uploads';
export type { SubmitOptions } from '../../lib/producer/valid';
export type { InviteInput, NotifyBuild, RemoveInput } from '../../lib/testflight/message';
