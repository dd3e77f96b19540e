import type { CampaignReport } from '../emails/report';
import type { Explained } from '../ops/explain';
import type { Span } from '../ops/timeline';

/** What the console's server answers, for the server and the page. The page imports types only. Times are ms since 1970. */

/** The deployment of a console, and what it may do. */
export interface Session {
  instance: string;
  stage: string;
  region: string;
  /** Whether it counts as production: a red frame, and a reason for each action. */
  production: boolean;
  /** Whether it is the service on this machine, with fake vendors. */
  local: boolean;
  write: boolean;
  queues: string[];
}

export interface JobLine {
  queue: string;
  id: string;
  state: string;
  attempts: number;
  accepted: number;
  next?: number | undefined;
  ended?: number | undefined;
  code?: string | undefined;
}

/** What a searched value is. */
export const SEARCHED = ['user', 'email', 'correlation', 'ticket', 'message', 'group'] as const;
export type SearchBy = (typeof SEARCHED)[number];

/** `note`: where the search looked, and whether there are more. */
export interface FoundJobs {
  jobs: JobLine[];
  note: string;
}

export interface Preview {
  question: string;
  /** The command that does the same. */
  command: string;
  needsReason: boolean;
}

export interface JobPage {
  /** With its reason, such as `dead (error)`. */
  state: string;
  explained: Explained;
  timeline: Span[];
  /** As in the record. */
  job: JobView;
  /** As in the table. */
  row: Record<string, unknown>;
}

/** The fields of a record that the page knows by name. */
export interface JobView extends Record<string, unknown> {
  queue: string;
  id: string;
  steps: Record<string, { status: string; result?: unknown }>;
  error?: Record<string, unknown>;
}

/** What a job was sent with, or its shape. */
export interface Revealed {
  data: unknown;
}

/** Dead jobs of a queue with the same reason and error code. */
export interface DeadGroup {
  queue: string;
  reason: string;
  code: string;
  /** Some of their errors' messages. */
  messages: string[];
  count: number;
  oldest: number;
  newest: number;
  /** Some of them. */
  ids: string[];
  /** The commands for all of them. */
  commands: string[];
}

/** `more`: not all were read, so counts are at least that high. */
export interface DeadLetters {
  groups: DeadGroup[];
  more: boolean;
}

export interface CampaignLine {
  id: string;
  name?: string | undefined;
  status: string;
  can: ('pause' | 'resume' | 'cancel')[];
  recipients: number;
  /** Recipients in released chunks. */
  released: number;
  accepted: number;
  ended?: number | undefined;
}

export interface Campaigns {
  campaigns: CampaignLine[];
  more: boolean;
}

export interface CampaignPage extends CampaignLine {
  report: CampaignReport;
}
