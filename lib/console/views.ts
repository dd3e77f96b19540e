import type { CampaignReport } from '../emails/report';
import type { StoredError } from '../jobs/row';
import type { Explained } from '../ops/explain';
import type { Span } from '../ops/timeline';
import type { LocalVendor } from './local-tools';

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
  /** Whether actions are allowed. */
  write: boolean;
  queues: string[];
}

/** A job in a list. */
export interface JobLine {
  queue: string;
  id: string;
  state: string;
  attempts: number;
  accepted: number;
  next?: number;
  ended?: number;
  code?: string;
}

/** What a searched value is. */
export type SearchBy = 'user' | 'email' | 'group' | 'correlation' | 'ticket' | 'message';

/** One line of a streamed search. `done` of `of` parts are read, and `looked` rows. */
export type SearchLine =
  | { kind: 'job'; job: JobLine }
  | { kind: 'progress'; done: number; of: number; looked: number }
  | { kind: 'end'; more: boolean; note: string }
  | { kind: 'error'; error: string };

export interface JobPage {
  queue: string;
  id: string;
  state: string;
  facts: [string, string][];
  explained: Explained;
  timeline: Span[];
  /** `result`: JSON. */
  steps: { name: string; status: string; result: string }[];
  error?: StoredError;
  record: Record<string, unknown>;
  row: Record<string, unknown>;
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
  name?: string;
  status: string;
  can: ('pause' | 'resume' | 'cancel')[];
  recipients: number;
  /** Recipients in released chunks. */
  released: number;
  chunks: { all: number; released: number };
  accepted: number;
  starts: number;
  ended?: number;
  /** While it ran. */
  perSecond?: number;
  /** An estimate by the rate so far, without the pauses. */
  endsAbout?: number;
}

export interface Campaigns {
  campaigns: CampaignLine[];
  more: boolean;
}

export interface CampaignPage extends CampaignLine {
  report: CampaignReport;
}

/** The fake vendors, and the jobs that can be sent. `masked`: addresses are not shown. */
export interface LocalPage {
  vendors: LocalVendor[];
  samples: string[];
  breaks: string[];
  masked: boolean;
}
