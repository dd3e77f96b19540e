// biome-ignore-all lint/performance/noBarrelFile: this file is the entry of a package, whose exports come from several files

export {
  IdempotencyConflictError,
  InvalidJobError,
  JobEndedError,
  JobNotFoundError,
  type Problem,
} from '../../lib/engine/submit/errors';
export type { SubmitOptions } from '../../lib/engine/submit/options';
export type { Accepted } from '../../lib/engine/submit/submit';
export { ConfigError, type ProducerSettings } from '../../lib/platform/config/common';
export { StoreError } from '../../lib/platform/errors';
export type { Completion, Facts, Log } from '../../lib/platform/ports';
export type { AnalyticsEvent } from '../../lib/queues/analytics/message';
export type { CampaignStatus } from '../../lib/queues/emails/campaigns/campaign';
export { RepeatedCampaignError } from '../../lib/queues/emails/errors';
export type { CampaignInput, EmailMessageInput } from '../../lib/queues/emails/message';
export type { RecipientInput } from '../../lib/queues/emails/recipients';
export type { CampaignReport } from '../../lib/queues/emails/report';
export type { FeedbackInput } from '../../lib/queues/feedback/message';
export type { Results } from '../../lib/queues/kinds';
export type { InviteInput, NotifyBuild, RemoveInput } from '../../lib/queues/testflight/message';
export type { Upload, UploadInput } from '../../lib/queues/uploads';
export type { BatchJob, BatchResult } from './batch';
export type { CallLimits } from './calls';
export type {
  AcceptedCampaign,
  CampaignControl,
  CampaignOptions,
  CampaignPreview,
  CampaignState,
  ListOptions,
  PreviewOptions,
  RecipientSource,
} from './campaign';
export type { CallOptions, Producer } from './client';
export { type AskOptions, type CancelledStatus, type FindOptions, isEndOf, type JobStatus, type Jobs } from './jobs';
export type { AwsEndpoints, ClientCredentials, Credentials, ProducerOptions } from './real-producer';
export { realProducer as createProducer } from './real-producer';
export type { Suppression, SuppressOptions } from './suppression';
export { createTestProducer, type Sent, type SentJob, type TestProducer } from './testing';
export { type OnRejected, type PackingLimits, UnsentEventsError } from './tracker';
