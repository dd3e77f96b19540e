// biome-ignore-all lint/performance/noBarrelFile: this file is the entry of a package, whose exports come from several files
export type { AnalyticsEvent } from '../../lib/analytics/message';
export { ConfigError, type ProducerSettings } from '../../lib/config/common';
export type { CampaignStatus } from '../../lib/emails/campaigns/campaign';
export type { CampaignInput, EmailMessageInput } from '../../lib/emails/message';
export type { RecipientInput } from '../../lib/emails/recipients';
export type { CampaignReport } from '../../lib/emails/report';
export { StoreError } from '../../lib/errors';
export type { FeedbackInput } from '../../lib/feedback/message';
export type { Completion, Facts, Log } from '../../lib/ports';
export {
  IdempotencyConflictError,
  InvalidJobError,
  JobEndedError,
  JobNotFoundError,
  type Problem,
  RepeatedCampaignError,
} from '../../lib/submit/errors';
export type { Results } from '../../lib/submit/kinds';
export type { SubmitOptions } from '../../lib/submit/options';
export type { Accepted } from '../../lib/submit/submit';
export type { Upload, UploadInput } from '../../lib/submit/uploads';
export type { InviteInput, NotifyBuild, RemoveInput } from '../../lib/testflight/message';
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
