import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { Clock, Log, Metrics, Objects, Queues, Random, Table } from './ports';

/**
 * What a process of the released code gets, and what it can do. The types use names of this file only, so that today's
 * code can change. released.ts adapts today's code to them.
 */
export interface Host {
  ports: { table: Table; objects: Objects; queues: Queues; clock: Clock; random: Random; log: Log; metrics: Metrics };
  process: { skew: number; die(reason: string): void };
  /** The start of the run and the true time, in ms since 1970. */
  start: number;
  now: () => number;
  /** Every queue of the service; `queue` as in queues.ts of the released simulation. */
  lanes: readonly { queue: string; settings: Settings }[];
  /** The queue of this process. */
  lane: string;
  /** Whether the process also knows the newer type of its queue. */
  newer: boolean;
  share?: number | undefined;
  /** A call to a vendor, with the faults of the run. */
  call<T>(call: { target: string; method: string; timeoutMs?: number; effect: () => T | Promise<T> }): Promise<T>;
  vendors: Vendors;
  effect(what: string, job: string, once: boolean): void;
  /** Called when SendGrid accepts a bulk request. */
  accepted(mails: readonly { to: string[]; customArgs: Record<string, string> }[]): void;
}

export interface Settings {
  type: 'fifo' | 'standard';
  retention: number;
  dlqRetention: number;
  visibility: number;
  receives: number;
  ordered: boolean;
}

interface Reply {
  status: number;
  headers: Record<string, string>;
  json?: unknown;
}

/** The parts of the fakes that the released simulation knows. */
export interface Vendors {
  zendesk: {
    tickets: readonly { external_id: string | null }[];
    createTicket(body: string, idempotencyKey?: string): Reply;
    listTickets(externalId: string): Reply;
    upload(file: { name: string; contentType: string; size: number }): Reply;
  };
  sendgrid: {
    mails: readonly { to: string[]; customArgs: Record<string, string> }[];
    send(body: string): Reply;
  };
  apple: {
    testers: readonly unknown[];
    mails: readonly { kind: string }[];
    findTesters(filter: { email: string; app: string }): Reply;
    createTester(body: string): Reply;
    groupsOf(id: string): Reply;
    addToGroup(id: string, body: string): Reply;
    removeFromGroup(id: string, body: string): Reply;
    removeFromApp(id: string, body: string): Reply;
    invite(body: string): Reply;
    notifyBuild(body: string): Reply;
  };
}

/** The failures of a host's ports and vendor calls. Any other rejection is a bug. */
export type Failure =
  | { failure: 'store'; code: string; message: string }
  | { failure: 'silence'; reason: 'unsendable' | 'unreachable' | 'timeout' | 'interrupted'; sent: boolean }
  | { failure: 'answer'; status: number; headers: Record<string, string>; body: unknown };

/** The result of an action that a store or a command may refuse. */
export type Answer<T> = { answer: T } | { refused: 'store' | 'command'; code: string; message: string };

export interface Job {
  spec: { kind: string; at: number; group: number; retries: number };
  index: number;
  key: string;
  type: string;
}

/** A process of the released code. */
export interface Released {
  handle(event: SQSEvent, remainingMs: number): Promise<SQSBatchResponse>;
  reconcile(times: { remainingMs: number; stayMs: number; canaryMs: number }): Promise<void>;
  command(what: 'cancel' | 'retry' | 'discard', id: string): Promise<Answer<void>>;
  /** Calls `as` only if the step is unknown. Resolves to whether it was. */
  settle(id: string, step: string, as: () => 'done' | 'skipped'): Promise<Answer<boolean>>;
  control(campaign: string, what: 'pause' | 'resume' | 'cancel'): Promise<Answer<void>>;
  takeEvents(events: readonly unknown[]): Promise<Answer<void>>;
  submit(job: Job): Promise<Answer<{ id: string }>>;
}

/** What the bundle exports. */
export interface Bundle {
  revision: string;
  /** The kinds of jobs that its simulation knows, by queue. */
  kinds: Readonly<Record<string, readonly string[]>>;
  open(host: Host): Released;
}
