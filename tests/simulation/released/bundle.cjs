// Made by build.ts from revision 28eb1b2. Do not change it by hand.
"use strict";
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

// tests/simulation/released/entry.ts
var entry_exports = {};
__export(entry_exports, {
  kinds: () => kinds,
  open: () => open,
  revision: () => revision
});
module.exports = __toCommonJS(entry_exports);

// lib/group-by.ts
function groupBy(items, keyOf2) {
  const groups2 = /* @__PURE__ */ new Map();
  for (const item of items) {
    const key = keyOf2(item);
    const group = groups2.get(key);
    if (group) group.push(item);
    else groups2.set(key, [item]);
  }
  return groups2;
}

// lib/jobs/envelope.ts
var import_node_crypto = require("node:crypto");
var import_zod = require("zod");

// lib/errors.ts
var JobError = class extends Error {
  code;
  vendor;
  status;
  field;
  constructor({ code, message, vendor, status, field, cause }) {
    super(message, cause === void 0 ? void 0 : { cause });
    this.code = code;
    this.vendor = vendor;
    this.status = status;
    this.field = field;
  }
};
var TransientError = class extends JobError {
  name = "TransientError";
  class = "transient";
};
var WaitError = class extends JobError {
  name = "WaitError";
  class = "wait";
  waitMs;
  constructor({ waitMs, ...details }) {
    super(details);
    this.waitMs = waitMs;
  }
};
var StopError = class extends JobError {
  name = "StopError";
  class = "stop";
};
var PermanentError = class extends JobError {
  name = "PermanentError";
  class = "permanent";
};
var IdTakenError = class extends PermanentError {
  constructor() {
    super({ code: "IdTaken", message: "id: belongs to a job with other data", field: "id" });
  }
};
var AmbiguousError = class extends JobError {
  name = "AmbiguousError";
  class = "ambiguous";
  askAfterMs;
  constructor({ askAfterMs = 0, ...details }) {
    super(details);
    this.askAfterMs = askAfterMs;
  }
};
var StoreError = class extends JobError {
  name = "StoreError";
  class = "store";
};

// lib/jobs/envelope.ts
var MAX_INLINE_DATA_BYTES = 900 * 1024;
var printable = (max) => import_zod.z.string().min(1).max(max).regex(/^[^\u0000-\u001f\u007f]*$/, "must not hold control characters");
var envelopeSchema = import_zod.z.object({
  specversion: import_zod.z.literal("1.0"),
  id: import_zod.z.uuid(),
  /** `{queue}.{what}.v{n}`, e.g. `feedback.submitted.v1`. */
  type: printable(128),
  source: printable(256),
  time: import_zod.z.iso.datetime(),
  subject: printable(256).optional(),
  datacontenttype: import_zod.z.literal("application/json").optional(),
  correlationid: printable(128).optional(),
  traceparent: import_zod.z.string().regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/, "must be a W3C traceparent").optional(),
  /** CloudEvents' sequence: the place among all events of `source`, from 1 and without gaps. */
  sequence: import_zod.z.string().regex(/^[1-9]\d{0,14}$/, "must be a whole number from 1").optional(),
  /** CloudEvents' partitioning: the message group as its producer chose it, which a redrive may change in SQS. */
  partitionkey: printable(128).optional(),
  data: import_zod.z.unknown().optional(),
  /** CloudEvents' claim check: the S3 key of the data. */
  dataref: printable(1024).optional(),
  /** SHA-256, hex, of the bytes behind `dataref`. */
  datasha256: import_zod.z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hex").optional()
});
var sha256 = (bytes) => (0, import_node_crypto.createHash)("sha256").update(bytes).digest("hex");
function payloadHash(envelope) {
  const data5 = envelope.datasha256 ?? sha256(JSON.stringify(envelope.data ?? null));
  return sha256(`${envelope.type}
${data5}`);
}
function describeIssue(issue, prefix = "") {
  const path = issue.path.map(String).join(".");
  const field = prefix && path ? `${prefix}.${path}` : prefix || path || "(body)";
  return { field, message: `${field}: ${rule(issue)}` };
}
function rule(issue) {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${article(issue.expected)}${issue.input === void 0 ? "" : `, is ${kind(issue.input)}`}`;
    case "too_big":
      return `must be at most ${issue.maximum}${unit(issue.origin)}`;
    case "too_small":
      return `must be at least ${issue.minimum}${unit(issue.origin)}`;
    case "invalid_value":
      return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "invalid_format":
      return issue.message.startsWith("must ") ? issue.message : `must be a valid ${issue.format}`;
    case "unrecognized_keys":
      return `has ${issue.keys.length} unknown ${issue.keys.length === 1 ? "field" : "fields"}`;
    case "custom":
      return issue.message;
    default:
      return "is not valid";
  }
}
var article = (what) => /^[aeiou]/.test(what) ? `an ${what}` : `a ${what}`;
var kind = (value) => value === null ? "null" : Array.isArray(value) ? "an array" : article(typeof value);
var unit = (origin) => origin === "string" ? " characters" : origin === "array" ? " entries" : origin === "object" ? " fields" : "";
function parseOrPark(schema2, input, prefix = "") {
  const parsed3 = schema2.safeParse(input, { reportInput: true });
  if (parsed3.success) return parsed3.data;
  const [first] = parsed3.error.issues;
  const { field, message } = first ? describeIssue(first, prefix) : { field: prefix, message: "is not valid" };
  throw new PermanentError({ code: "InvalidField", message, field });
}
function parseEnvelope(body) {
  let json;
  try {
    json = JSON.parse(body);
  } catch {
    throw new PermanentError({ code: "NotJson", message: "the message body is not JSON" });
  }
  const parsed3 = envelopeSchema.safeParse(json, { reportInput: true });
  if (parsed3.success) return parsed3.data;
  const [first] = parsed3.error.issues;
  const { field, message } = first ? describeIssue(first) : { field: "(body)", message: "is not valid" };
  throw new PermanentError({ code: "InvalidEnvelope", message, field });
}

// lib/jobs/keys.ts
var jobKey = (queue, id2) => `${queue}#${id2}`;
var vendorKey = (vendor) => `vendor#${vendor}`;
var canaryKey = (queue) => `canary#${queue}`;
var dlqKey = (queue) => `dlq#${queue}`;
var returnsKey = (queue) => `returns#${queue}`;
var trialKey = (queue, messageId) => `trial#${queue}#${messageId}`;
var orderKey = (queue, group) => `order#${queue}#${group}`;
var subjectKey = (queue, subject) => `subject#${queue}#${subject}`;
var campaignKey = (id2) => `campaign#${id2}`;
var rateKey = (vendor) => `rate#${vendor}`;
var reconcilerKey = "lease#reconciler";
var todoKey = (queue, kind2, vendor) => `${queue}#${kind2}${vendor === void 0 ? "" : `#${vendor}`}`;
function hourParts(time) {
  const iso = new Date(time).toISOString();
  return { year: iso.slice(0, 4), month: iso.slice(5, 7), day: iso.slice(8, 10), hour: iso.slice(11, 13) };
}
function hourKey(queue, time) {
  const { year, month, day: day2, hour } = hourParts(time);
  return `${queue}#${year}${month}${day2}${hour}`;
}
var campaignHourKey = (time) => hourKey("campaign", time);
function hourPartition(folder, time) {
  const { year, month, day: day2, hour } = hourParts(time);
  return `${folder}/year=${year}/month=${month}/day=${day2}/hour=${hour}/`;
}
var DATA_SETS = /* @__PURE__ */ new Set(["analytics"]);
var recordFolder = (prefix, queue) => `${prefix}/${queue}${DATA_SETS.has(queue) ? "-jobs" : ""}`;
var recordPartition = (prefix, queue, time) => hourPartition(recordFolder(prefix, queue), time);
var recordKey = (prefix, row2) => `${recordPartition(prefix, row2.queue, row2.time)}${row2.id}.json`;
var bodyKey = (prefix, queue, id2) => `${prefix}/_bodies/${queue}/${id2}`;
var dataPrefix = (prefix, queue) => `${prefix}/_data/${queue}/`;
var attachmentsPrefix = (prefix, queue) => `${prefix}/_attachments/${queue}/`;
var suffix = (type) => type === "fifo" ? ".fifo" : "";
var queueName = (instance, queue, type) => `${instance}-${queue}${suffix(type)}`;
var dlqName = (instance, queue, type) => `${instance}-${queue}-dlq${suffix(type)}`;
var queueUrl = (region, account, name) => `https://sqs.${region}.amazonaws.com/${account}/${name}`;
function dlqUrlOfArn(arn) {
  const [, , , region = "", account = "", name = ""] = arn.split(":");
  return queueUrl(
    region,
    account,
    name.endsWith(".fifo") ? `${name.slice(0, -".fifo".length)}-dlq.fifo` : `${name}-dlq`
  );
}
function queueUrlOfArn(arn) {
  const [, , , region = "", account = "", name = ""] = arn.split(":");
  return queueUrl(region, account, name);
}
var deduplicationId = {
  sent: (id2) => id2,
  parked: (id2, messageId) => `${id2}:p:${messageId}`,
  released: (id2, holds) => `${id2}:h:${holds}`,
  /** `opened`: how often the job was opened before. */
  redriven: (id2, opened) => `${id2}:r:${opened}`,
  returned: (id2, messageId) => `${id2}:u:${messageId}`
};
var invalidId = (messageId) => `invalid/${messageId}`;
var isInvalidId = (id2) => id2.startsWith("invalid/");
var recipientsFolder = (prefix, queue) => `${prefix}/_recipients/${queue}`;
var recipientsKey = (prefix, row2) => `${hourPartition(recipientsFolder(prefix, row2.queue), row2.time)}${row2.id}.ndjson`;
var eventsFolder = (prefix, queue) => `${prefix}/_events/${queue}`;
var eventsPartition = (prefix, queue, time) => hourPartition(eventsFolder(prefix, queue), time);

// lib/jobs/mail.ts
var MAIL_STEPS = { emails: "send", feedback: "confirmation", testflight: "notification" };
var MAIL_QUEUES = Object.keys(MAIL_STEPS);
var mailArgs = ({
  id: id2,
  queue,
  time
}) => ({
  job: id2,
  queue,
  step: MAIL_STEPS[queue],
  // The job's: decides where the event is stored.
  time: String(time)
});
var sentBySign = ({ event, messageId }) => ({
  evidence: event,
  ...messageId ? { messageId } : {}
});

// lib/emails/events/event.ts
var import_zod2 = require("zod");
var digits = import_zod2.z.string().regex(/^\d{1,15}$/);
var ownEvent = import_zod2.z.object({
  event: import_zod2.z.string().regex(/^[a-z_]{1,40}$/),
  timestamp: import_zod2.z.int().nonnegative(),
  sg_message_id: import_zod2.z.string().max(300).default(""),
  queue: import_zod2.z.enum(MAIL_QUEUES),
  step: import_zod2.z.string(),
  job: import_zod2.z.uuid(),
  time: digits,
  /** Of a chunk; any other mail has one. */
  recipient: digits.default("0"),
  campaign: import_zod2.z.uuid().optional(),
  /** Of a bounce: `bounce` or `blocked`, and the mail server's code. */
  type: import_zod2.z.string().regex(/^[a-z]{1,20}$/).optional().catch(void 0),
  status: import_zod2.z.string().regex(/^\d(\.\d{1,3}){0,2}$/).optional().catch(void 0)
});
function parseEvent(input) {
  const parsed3 = ownEvent.safeParse(input);
  if (!parsed3.success || parsed3.data.step !== MAIL_STEPS[parsed3.data.queue]) return void 0;
  const {
    event,
    timestamp,
    sg_message_id: messageId,
    queue,
    job,
    time,
    recipient,
    campaign,
    type,
    status
  } = parsed3.data;
  return {
    queue,
    time: Number(time),
    stored: {
      event,
      timestamp,
      messageId,
      job,
      ...campaign ? { campaign } : {},
      recipient: Number(recipient),
      ...type ? { type } : {},
      ...status ? { status } : {}
    }
  };
}
var eventKey = ({ messageId, event, timestamp, job, recipient }) => `${messageId} ${event} ${timestamp} ${job} ${recipient}`;

// lib/emails/events/take.ts
var eventFolder = (prefix, { queue, time, campaign }) => `${eventsPartition(prefix, queue, time)}campaign=${campaign ?? "none"}/`;
var AT_ONCE = 10;
async function takeEvents(deps, events) {
  const own = events.map(parseEvent).filter((event) => event !== void 0);
  const unique = [...new Map(own.map((event) => [eventKey(event.stored), event])).values()];
  const folders = groupBy(
    unique,
    ({ queue, time, stored: { campaign } }) => eventFolder(deps.prefix, { queue, time, campaign })
  );
  for (const [folder, group] of folders) await store(deps, folder, group);
  const first = [...groupBy(unique, jobOf).values()].flatMap(([event]) => event ?? []);
  for (let at = 0; at < first.length; at += AT_ONCE)
    await Promise.all(first.slice(at, at + AT_ONCE).map((event) => witness(deps, event)));
  return new Map([...groupBy(own, ({ queue }) => queue)].map(([queue, group]) => [queue, group.length]));
}
var jobOf = ({ queue, stored: { job } }) => jobKey(queue, job);
async function store({ objects }, folder, events) {
  const body = `${events.map(({ stored }) => JSON.stringify(stored)).join("\n")}
`;
  await objects.put(`${folder}${sha256(body)}.ndjson`, body, "application/x-ndjson");
}
async function witness({ ledger, clock }, event) {
  const key = jobOf(event);
  const step = MAIL_STEPS[event.queue];
  const row2 = await ledger.get(key);
  if (!row2 || row2.evidence?.[step]) return;
  const { event: seen, messageId } = event.stored;
  const evidence = {
    at: clock.now(),
    event: seen,
    ...messageId ? { messageId: requestId(messageId) } : {}
  };
  await ledger.update(
    key,
    (now) => now.evidence?.[step] ? void 0 : { ...now, evidence: { ...now.evidence, [step]: evidence } }
  );
}
var requestId = (messageId) => messageId.split(".")[0] ?? messageId;

// lib/jobs/row.ts
var isEnd = (state) => state === "succeeded" || state === "dead" || state === "cancelled";

// lib/jobs/schedule.ts
var MINUTE = 6e4;
var HOUR = 60 * MINUTE;
var DAY = 24 * HOUR;
var UNSENT_AFTER_MS = 15 * MINUTE;
var UNFINISHED_AFTER_MS = 5 * MINUTE;
var ROW_LIFETIME_MS = 45 * DAY;
var BODY_LIFETIME_MS = 44 * DAY;
var due = (queue, kind2, at) => ({ todo: todoKey(queue, kind2), todoAt: at });
function todoOf(row2, settings) {
  const { queue } = row2;
  switch (row2.state) {
    case "queued":
      if (row2.sentAt === void 0) return due(queue, "unsent", row2.createdAt + UNSENT_AFTER_MS);
      return due(queue, "waiting", row2.sentAt + settings.retention * 1e3 + HOUR);
    case "processing":
      return due(
        queue,
        "waiting",
        Math.max(row2.lease?.until ?? 0, (row2.sentAt ?? row2.updatedAt) + settings.retention * 1e3) + HOUR
      );
    case "held":
      if (row2.reason === "stopped" && row2.vendor)
        return { todo: todoKey(queue, "stopped", row2.vendor), todoAt: row2.updatedAt };
      if (row2.reason === "unknown" && isProven(row2)) return due(queue, "held", row2.updatedAt);
      if (row2.reason === "behind" || row2.reason === "paused" || row2.reason === "unknown")
        return due(queue, row2.reason, row2.updatedAt);
      return due(queue, "held", row2.dueAt ?? row2.updatedAt);
    default:
      return todoOfEnd(row2);
  }
}
var isProven = (row2) => provenSteps(row2).length === Object.values(row2.steps).filter(({ status }) => status === "unknown").length;
var provenSteps = ({ steps, evidence = {} }) => Object.entries(evidence).filter(([name]) => steps[name]?.status === "unknown");
function todoOfEnd(row2) {
  if (provenSteps(row2).length > 0) return due(row2.queue, "ending", row2.updatedAt);
  const parks = row2.state === "dead" && row2.reason !== "expired";
  if (row2.recordedAt === void 0 || parks && row2.parkedAt === void 0)
    return due(row2.queue, "ending", (row2.endedAt ?? row2.updatedAt) + UNFINISHED_AFTER_MS);
  if (parks && row2.leftDlqAt === void 0) return due(row2.queue, "dead", row2.parkedAt ?? row2.updatedAt);
  if (row2.bodyKept) return due(row2.queue, "kept", row2.updatedAt + BODY_LIFETIME_MS);
  return void 0;
}
function withSchedule(row2, settings) {
  const { todo: _todo, todoAt: _todoAt, expiresAt: _expiresAt, ...rest } = row2;
  const expiresAt = Math.ceil((row2.updatedAt + ROW_LIFETIME_MS) / 1e3);
  if (row2.canary) return { ...rest, expiresAt };
  return {
    ...rest,
    hour: hourKey(row2.queue, row2.time),
    ...todoOf(row2, settings),
    ...isEnd(row2.state) ? { expiresAt } : {}
  };
}

// lib/jobs/trials.ts
var VERSION = 1;
function createTrials({ table, clock, random }) {
  return {
    begin: async (queue, messageId) => {
      const expiresAt = Math.ceil((clock.now() + ROW_LIFETIME_MS) / 1e3);
      const note2 = { key: trialKey(queue, messageId), version: VERSION, writer: random.uuid(), expiresAt };
      await table.put(note2, VERSION - 1).catch(ignoreStoreError);
    },
    forget: async (queue, messageId) => {
      await table.delete(trialKey(queue, messageId), VERSION).catch(ignoreStoreError);
    },
    begun: async (queue, messageId) => await table.get(trialKey(queue, messageId)) !== void 0
  };
}
function ignoreStoreError(error) {
  if (!(error instanceof StoreError)) throw error;
}

// lib/jobs/ledger.ts
var LeaseLostError = class extends StoreError {
  constructor() {
    super({ code: "LeaseLost", message: "the job belongs to another run by now" });
  }
};
var WRITE_TRIES = 3;
var RETRY_MS = 100;
async function writeItem({
  table,
  clock,
  random,
  item,
  expected
}) {
  const next = { ...item, version: expected + 1, writer: random.uuid() };
  for (let tried = 1; ; tried++) {
    try {
      if (await table.put(next, expected) === "written") return { written: true, item: next };
      const stored = await table.get(next.key);
      if (stored?.version === next.version && stored.writer === next.writer) return { written: true, item: next };
      return { written: false, stored };
    } catch (error) {
      if (!(error instanceof StoreError) || tried === WRITE_TRIES) throw error;
      await clock.sleep(RETRY_MS * 2 ** tried * (0.5 + random.fraction()));
    }
  }
}
async function updateItem(deps, key, change, known2) {
  for (let first = known2?.version ? known2 : void 0; ; first = void 0) {
    const stored = first ?? await readItem(deps, key);
    const next = change(stored);
    if (!next) return stored;
    const result = await writeItem({ ...deps, item: next, expected: stored?.version ?? 0 });
    if (result.written) return result.item;
  }
}
async function readItem({ table, clock, random }, key) {
  for (let tried = 1; ; tried++) {
    try {
      return await table.get(key);
    } catch (error) {
      if (!(error instanceof StoreError) || tried === WRITE_TRIES) throw error;
      await clock.sleep(RETRY_MS * 2 ** tried * (0.5 + random.fraction()));
    }
  }
}
function createLedger(deps) {
  const { clock, settings } = deps;
  const scheduled2 = (row2) => withSchedule({ ...row2, updatedAt: clock.now() }, settings(row2.queue));
  return {
    get: async (key) => await readItem(deps, key),
    write: (row2, expected) => writeItem({ ...deps, item: scheduled2(row2), expected }),
    update: (key, change, known2) => updateItem(
      deps,
      key,
      (row2) => {
        const next = row2 && change(row2);
        return next && scheduled2(next);
      },
      known2
    ),
    trials: createTrials(deps)
  };
}
var MOST_ENTRIES = 100;
function appended(list, entry) {
  if (list.length < MOST_ENTRIES) return [...list, entry];
  const first = MOST_ENTRIES / 2;
  return [...list.slice(0, first), ...list.slice(first + 1), entry];
}

// lib/jobs/campaign.ts
var CAMPAIGN_QUEUE = "emails";
var EVENTS_AFTER_MS = 30 * 6e4;
function campaigns(deps) {
  const change = (id2, next) => updateItem(deps, campaignKey(id2), (stored) => {
    const changed = stored && next(stored);
    return changed && scheduled(changed);
  });
  const noted2 = (campaign, event, note2) => ({
    ...campaign,
    history: appended(campaign.history, { at: deps.clock.now(), event, ...note2 ? { note: note2 } : {} })
  });
  return {
    read: async (id2) => await readItem(deps, campaignKey(id2)),
    change,
    /** Makes the campaign unless it is there already. */
    start: (plan) => updateItem(deps, campaignKey(plan.id), (stored) => {
      if (stored) return void 0;
      const cursor = { status: "running", released: 0, open: [], refusals: 0, history: [] };
      const item = { key: campaignKey(plan.id), hour: campaignHourKey(plan.time), version: 0, writer: "" };
      const made2 = { ...plan, ...cursor, ...item };
      return scheduled(noted2(made2, "accepted"));
    }),
    /** Holds everything that is not with the vendor yet. `undefined`: there is no such campaign. */
    pause: (id2, reason = "operator") => change(
      id2,
      (campaign) => campaign.status === "running" ? { ...noted2(campaign, "paused", reason), status: "paused", reason } : void 0
    ),
    resume: (id2) => change(id2, (campaign) => {
      if (campaign.status !== "paused") return void 0;
      const { reason: _reason, ...rest } = noted2(campaign, "resumed");
      return { ...rest, status: "running", refusals: 0 };
    }),
    /** Nothing more is sent, for good. */
    cancel: (id2) => change(
      id2,
      (campaign) => campaign.status === "running" || campaign.status === "paused" ? { ...noted2(campaign, "cancelled"), status: "cancelled" } : void 0
    ),
    /** Counts a chunk that was refused for good; pauses the campaign at the `most`-th in a row. */
    refused: (id2, { code, most }) => change(id2, (campaign) => {
      const refusals = campaign.refusals + 1;
      const counted = { ...campaign, refusals };
      if (refusals < most || campaign.status !== "running") return counted;
      return { ...noted2(counted, "paused", code), status: "paused", reason: code };
    }),
    accepted: (id2) => change(id2, (campaign) => campaign.refusals === 0 ? void 0 : { ...campaign, refusals: 0 })
  };
}
function scheduled({ todo: _todo, todoAt: _todoAt, expiresAt: _expiresAt, ...campaign }) {
  const todo = todoKey(CAMPAIGN_QUEUE, "campaign");
  const { endedAt } = campaign;
  if (endedAt === void 0) return { ...campaign, todo, todoAt: campaign.startsAt };
  const ended2 = { ...campaign, expiresAt: Math.ceil((endedAt + ROW_LIFETIME_MS) / 1e3) };
  return campaign.eventsChecked ? ended2 : { ...ended2, todo, todoAt: endedAt + EVENTS_AFTER_MS };
}

// lib/jobs/park.ts
var MAX_MESSAGE_BYTES = 1024 * 1024;
var ATTRIBUTE = {
  /** Job id, for a body that does not say it. */
  job: "job",
  /** `kept`: the body lies in S3 under the job's name, the message's own is a stand-in. */
  body: "body",
  /** How often the reconciler returned the message to its queue, after the first time only where it was tried before … */
  returned: "returned",
  /** … and when it did so last, ms since 1970. */
  returnedAt: "returnedAt"
};
var STAND_IN = JSON.stringify({ body: "kept" });
function messageBytes({ body, attributes: attributes2 = {} }) {
  const attributeBytes = Object.entries(attributes2).map(
    ([name, value]) => Buffer.byteLength(name + value) + "String".length
  );
  return attributeBytes.reduce((sum, bytes) => sum + bytes, Buffer.byteLength(body));
}
function fitting(message, job) {
  const attributes2 = { ...message.attributes, [ATTRIBUTE.job]: job };
  if (messageBytes({ ...message, attributes: attributes2 }) <= MAX_MESSAGE_BYTES) return { ...message, attributes: attributes2 };
  return { ...message, body: STAND_IN, attributes: { ...attributes2, [ATTRIBUTE.body]: "kept" } };
}
function parkedMessage(row2, body, type) {
  const from = row2.deliveries.findLast(({ messageId }) => messageId === row2.parkedFrom) ?? row2.deliveries.at(-1);
  const attributes2 = {
    reason: row2.reason ?? "error",
    code: row2.error?.code ?? "Unknown",
    message: row2.error?.message ?? "no outcome was recorded",
    attempts: String(row2.attempts),
    messageId: row2.parkedFrom ?? "",
    ...row2.error?.field ? { field: row2.error.field } : {},
    ...row2.group ? { group: row2.group } : {},
    ...from?.sequence ? { sequence: from.sequence } : {}
  };
  const present = Object.fromEntries(Object.entries(attributes2).filter(([, value]) => value !== ""));
  const fifo = type === "fifo" ? { groupId: row2.id, deduplicationId: deduplicationId.parked(row2.id, row2.parkedFrom ?? row2.writer) } : {};
  return fitting({ body, attributes: present, ...fifo }, row2.id);
}

// lib/jobs/record.ts
var TIMES = /* @__PURE__ */ new Set(["at", "time", "startedAt", "endedAt", "createdAt", "firstStartedAt", "sentAt"]);
function recordOf(row2) {
  const steps = Object.fromEntries(
    Object.entries(row2.steps).map(([name, { kept: _kept, hash: _hash, ...shown2 }]) => [name, shown2])
  );
  const {
    key: _key,
    writer: _writer,
    lease: _lease,
    todo: _todo,
    todoAt: _todoAt,
    hour: _hour,
    expiresAt: _expiresAt,
    recordedAt: _recordedAt,
    recordFrom: _recordFrom,
    parkedAt: _parkedAt,
    leftDlqAt: _leftDlqAt,
    updatedAt: _updatedAt,
    due: _due,
    ...shown
  } = row2;
  return JSON.stringify(
    { record: 1, ...shown, steps },
    (name, value) => TIMES.has(name) && typeof value === "number" ? new Date(value).toISOString() : value
  );
}
function rowOfRecord(text2, key) {
  const { record, ...row2 } = JSON.parse(
    text2,
    (name, value) => TIMES.has(name) && typeof value === "string" ? Date.parse(value) : value
  );
  if (record !== 1) return void 0;
  return { ...row2, key, version: 0, writer: "", recordedAt: row2.endedAt ?? 0, updatedAt: row2.endedAt ?? 0 };
}

// lib/jobs/finish.ts
var GONE = JSON.stringify({ body: "gone" });
async function finish(deps, row2, body) {
  const { ledger, objects, queues, clock, prefix, settings } = deps;
  if (!isEnd(row2.state) || row2.canary) return row2;
  const parks = row2.state === "dead" && row2.reason !== "expired" && row2.parkedAt === void 0;
  const records = row2.recordedAt === void 0 && clock.now() >= (row2.recordFrom ?? 0);
  if (!records && !parks) return row2;
  if (records) await objects.put(recordKey(prefix, row2), recordOf(row2), "application/json");
  if (parks) {
    const parked = body ?? await keptBody(deps, row2) ?? GONE;
    await queues.send(deps.dlqUrl(row2.queue), parkedMessage(row2, parked, settings(row2.queue).type));
  }
  if (settings(row2.queue).ordered) await deps.order.leave(row2);
  const needless = row2.bodyKept === true && row2.state === "succeeded";
  if (needless) await objects.delete(bodyKey(prefix, row2.queue, row2.id));
  const at = clock.now();
  const marked = (now) => (
    // Reopened in between: the marks are of another end.
    sameEnd(now, row2) ? {
      ...now,
      ...records ? { recordedAt: now.recordedAt ?? at } : {},
      ...parks ? { parkedAt: now.parkedAt ?? at } : {},
      ...needless ? { bodyKept: false } : {}
    } : void 0
  );
  const stored = await ledger.update(row2.key, marked, row2);
  if (stored && records && isEnd(stored.state) && !sameEnd(stored, row2))
    await objects.put(recordKey(prefix, stored), recordOf(stored), "application/json");
  return stored ?? row2;
}
var sameEnd = (a, b) => a.state === b.state && a.opened === b.opened && a.endedAt === b.endedAt;
async function keptBody({ objects, prefix }, row2) {
  const bytes = await objects.get(bodyKey(prefix, row2.queue, row2.id));
  return bytes && Buffer.from(bytes).toString("utf8");
}

// lib/ops/operator.ts
var OperatorError = class extends Error {
  name = "OperatorError";
};
var stateOf = ({ state, reason }) => reason === void 0 ? state : `${state} (${reason})`;
var noted = (row2, at, event, messageId) => ({
  ...row2,
  history: appended(row2.history, { at, event, ...messageId ? { messageId } : {} })
});
async function decide({ ledger }, row2, next) {
  const result = await ledger.write(next, row2.version);
  if (!result.written) throw new OperatorError(`${row2.id} has changed just now: look at it again.`);
  return result.item;
}

// lib/ops/cancel.ts
async function cancel(deps, row2) {
  const at = deps.clock.now();
  if (row2.state === "cancelled" && row2.reason === "operator") return finish(deps, row2);
  if (row2.state === "processing" && (row2.lease?.until ?? 0) > at)
    throw new OperatorError(`${row2.id} is being processed: wait for the outcome, a minute at most, then look again.`);
  if (row2.state !== "queued" && row2.state !== "held" && row2.state !== "processing")
    throw new OperatorError(`${row2.id} is ${stateOf(row2)}: only a job that waits can be cancelled.`);
  const { lease: _lease, dueAt: _dueAt, vendor: _vendor, ...rest } = row2;
  const ended2 = { ...rest, state: "cancelled", reason: "operator", endedAt: at };
  return finish(deps, await decide(deps, row2, noted(ended2, at, "cancelled (operator)")));
}

// lib/ops/discard.ts
async function discard(deps, row2) {
  if (row2.state !== "dead") throw new OperatorError(`${row2.id} is ${stateOf(row2)}: only a dead job has a DLQ entry.`);
  if (row2.reason === "expired") throw new OperatorError(`${row2.id} is dead (expired): it has no DLQ entry.`);
  if (row2.leftDlqAt !== void 0) return row2;
  const at = deps.clock.now();
  const { recordedAt: _recordedAt, ...rest } = row2;
  return finish(deps, await decide(deps, row2, noted({ ...rest, leftDlqAt: at }, at, "DLQ entry discarded (operator)")));
}

// lib/jobs/reopen.ts
function withoutEnd({
  lease: _lease,
  reason: _reason,
  dueAt: _dueAt,
  vendor: _vendor,
  endedAt: _endedAt,
  recordedAt: _recordedAt,
  parkedAt: _parkedAt,
  parkedFrom: _parkedFrom,
  leftDlqAt: _leftDlqAt,
  result: _result,
  ...kept
}) {
  return kept;
}
var isCancelled = ({ state, reason }) => state === "cancelled" && reason === "operator";
async function keepCancelled({ ledger, objects, prefix }, row2, body) {
  if (!isCancelled(row2) || row2.bodyKept) return true;
  await objects.put(bodyKey(prefix, row2.queue, row2.id), body, "application/json");
  const stored = await ledger.update(
    row2.key,
    (now) => isCancelled(now) && !now.bodyKept ? { ...now, bodyKept: true } : void 0
  );
  return stored === void 0 || isCancelled(stored);
}

// lib/jobs/stored-error.ts
var MAX_MESSAGE = 500;
function storedError(error) {
  if (!(error instanceof JobError)) return { class: "transient", code: "Unexpected", message: "an unexpected error" };
  const { code, message, vendor, status, field } = error;
  return {
    class: error.class,
    code,
    message: message.slice(0, MAX_MESSAGE),
    ...vendor ? { vendor } : {},
    ...status ? { status } : {},
    ...field ? { field } : {}
  };
}

// lib/jobs/vendor-flag.ts
var ANYONE = "anyone";
var MOST_FORBIDDEN = 2;
var MOST_TRANSIENTS = 5;
function vendorFlags(deps) {
  const change = (vendor, next) => updateItem(
    deps,
    vendorKey(vendor),
    (stored) => next(stored ?? { key: vendorKey(vendor), version: 0, writer: "", forbidden: [], transients: 0 })
  );
  const raised = (flag, code) => ({
    ...flag,
    stoppedAt: flag.stoppedAt ?? deps.clock.now(),
    code
  });
  return {
    read: async (vendor) => await readItem(deps, vendorKey(vendor)),
    raise: (vendor, code) => change(vendor, (flag) => flag.stoppedAt ? void 0 : raised(flag, code)),
    /** A success, or any answer to a probe that is about the job and not about us. */
    clear: (vendor) => change(
      vendor,
      ({ stoppedAt, code: _code, probe: _probe, ...flag }) => stoppedAt || flag.forbidden.length > 0 || flag.transients > 0 ? { ...flag, forbidden: [], transients: 0 } : void 0
    ),
    /** Notes a 403; raises the flag where it is another job's than the last. */
    forbidden: (vendor, job) => change(vendor, (flag) => {
      if (flag.forbidden.includes(job)) return void 0;
      const forbidden = [...flag.forbidden, job].slice(-MOST_FORBIDDEN);
      return forbidden.length >= MOST_FORBIDDEN ? raised({ ...flag, forbidden }, "Forbidden") : { ...flag, forbidden };
    }),
    /** Notes an attempt that ended as transient; raises the flag at the fifth in a row. */
    transient: (vendor, code) => change(vendor, (flag) => {
      const transients = flag.transients + 1;
      return transients >= MOST_TRANSIENTS ? raised({ ...flag, transients }, code) : { ...flag, transients };
    }),
    /** Names the job that may try a stopped vendor next. */
    probe: (vendor, job) => change(vendor, (flag) => {
      const same = job === ANYONE && flag.probe?.job === ANYONE;
      return flag.stoppedAt && !same ? { ...flag, probe: { job, at: deps.clock.now() } } : void 0;
    }),
    /** Takes the probe that is anyone's; `true` where this job has it now. */
    takeProbe: async (vendor, job) => {
      const flag = await change(
        vendor,
        (stored) => stored.stoppedAt && stored.probe?.job === ANYONE ? { ...stored, probe: { ...stored.probe, job } } : void 0
      );
      return flag?.probe?.job === job;
    }
  };
}

// lib/worker/times.ts
function dueTime(row2) {
  const first = Math.min(row2.createdAt, row2.deliveries[0]?.sentAt ?? row2.createdAt);
  const opened = row2.history.findLast(({ event }) => event === "reopened");
  const redriven = row2.deliveries.findLast(({ messageId }) => messageId === opened?.messageId);
  return Math.max(first, row2.due ?? 0, (opened && redriven?.sentAt) ?? 0);
}
function firstStart(row2) {
  const due2 = dueTime(row2);
  const starts = row2.history.filter(({ at, event }) => event === "started" && at >= due2);
  return starts.length === 1 ? starts[0]?.at : void 0;
}

// lib/worker/report.ts
function report({
  deps: { clock, log, metrics },
  queue,
  message,
  disposition,
  startedAt
}) {
  const { row: row2 } = disposition;
  const direct2 = disposition.acknowledge ? disposition.direct : void 0;
  const outcome = disposition.acknowledge ? row2?.state ?? (direct2 ? "succeeded" : "late") : "retry";
  const ms = clock.now() - startedAt;
  log.info("delivery handled", {
    queue,
    jobId: row2?.id ?? direct2?.id,
    messageId: message.messageId,
    group: message.group,
    receiveCount: message.receiveCount,
    outcome,
    reason: row2?.reason,
    code: row2?.error?.code,
    attempts: row2?.attempts,
    canary: row2?.canary,
    ms
  });
  if (outcome === "late" || row2?.canary) return;
  const dimensions = { queue };
  metrics.add("ProcessingTime", ms, "Milliseconds", dimensions);
  const name = METRIC[outcome];
  if (name === "JobsSucceeded") countEnd(metrics, { queue, succeeded: 1, parked: 0 });
  else if (name === "JobsCancelled") metrics.add(name, 1, "Count", dimensions);
  else if (name) countOutcome(metrics, { queue, name, kind: kindOf(row2) });
  if (direct2) metrics.add("TimeToFinish", clock.now() - direct2.time, "Milliseconds", dimensions);
  if (!row2) return;
  const due2 = dueTime(row2);
  const started = firstStart(row2);
  if (started !== void 0) metrics.add("TimeToStart", started - due2, "Milliseconds", dimensions);
  if (isEnd(row2.state)) metrics.add("TimeToFinish", (row2.endedAt ?? clock.now()) - due2, "Milliseconds", dimensions);
}
var METRIC = {
  succeeded: "JobsSucceeded",
  retry: "JobsRetried",
  held: "JobsHeld",
  dead: "JobsParked",
  cancelled: "JobsCancelled"
};
function countOutcome(metrics, { queue, name, kind: kind2 }) {
  if (name === "JobsParked") countEnd(metrics, { queue, succeeded: 0, parked: 1 });
  else metrics.add(name, 1, "Count", { queue });
  metrics.add(name, 1, "Count", { queue, class: kind2 });
}
function countEnd(metrics, { queue, succeeded, parked }) {
  metrics.add("JobsSucceeded", succeeded, "Count", { queue });
  metrics.add("JobsParked", parked, "Count", { queue });
}
function kindOf(row2) {
  if (row2?.reason === "crash" || row2?.reason === "behind") return row2.reason;
  return row2?.error?.class ?? "busy";
}

// lib/reconcile/each-of.ts
async function eachOf(items, atOnce, act) {
  const rest = items.values();
  const lane = async () => {
    for (const item of rest) await act(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
}
async function throughAll(items, act) {
  const failures = [];
  for await (const item of items)
    try {
      await act(item);
    } catch (error) {
      failures.push(error);
    }
  if (failures.length > 0) throw failures[0];
}

// lib/reconcile/deps.ts
var SHARE = 100;
async function* everyDue({ table, clock, share = SHARE }, { todo, mayGoOn: mayGoOn2 }) {
  const until = clock.now();
  for (let after; mayGoOn2(); ) {
    const page = await table.due(todo, { until, after, limit: share });
    yield page.map(({ key }) => key);
    if (page.length < share) return;
    after = page.at(-1);
  }
}
async function eachDue({ table, clock, ledger, share = SHARE }, { todo, mayGoOn: mayGoOn2, until = clock.now() }, act) {
  await throughAll(await table.due(todo, { until, limit: share }), async ({ key }) => {
    if (!mayGoOn2()) return;
    const row2 = await ledger.get(key);
    if (row2?.todo === todo && (row2.todoAt ?? 0) <= until) await act(row2);
  });
}

// lib/reconcile/release.ts
var releaseDue = (deps, queue, mayGoOn2) => eachDue(deps, { todo: todoKey(queue, "held"), mayGoOn: mayGoOn2 }, (row2) => release(deps, row2));
async function release(deps, row2) {
  const { queues, ledger, clock, log } = deps;
  const body = await keptBody(deps, row2);
  if (body === void 0) return loseBody(deps, row2);
  const message = backInQueue(deps, { row: row2, body, deduplication: deduplicationId.released(row2.id, row2.holds) });
  const { messageId } = await queues.send(deps.queueUrl(row2.queue), message);
  const at = clock.now();
  await ledger.update(row2.key, (now) => {
    if (now.state !== "held" || now.holds !== row2.holds) return void 0;
    const { reason, dueAt, ...rest } = now;
    const history = appended(now.history, { at, event: "released", messageId });
    const due2 = reason === "throttled" || reason === "retry" ? dueAt ?? at : at;
    return { ...rest, state: "queued", sentAt: at, due: due2, history };
  });
  log.info("released", { queue: row2.queue, jobId: row2.id, messageId, reason: row2.reason, holds: row2.holds });
}
function backInQueue({ settings }, {
  row: row2,
  body,
  attributes: attributes2 = {},
  deduplication
}) {
  const fifo = settings(row2.queue).type === "fifo";
  return fitting(
    { body, attributes: attributes2, ...fifo ? { groupId: row2.group ?? row2.id, deduplicationId: deduplication } : {} },
    row2.id
  );
}
async function loseBody(deps, row2) {
  const error = storedError(
    new PermanentError({ code: "BodyMissing", message: "the kept body is gone from the bucket" })
  );
  const at = deps.clock.now();
  const ended2 = await deps.ledger.update(
    row2.key,
    (now) => now.state === "held" && now.holds === row2.holds ? {
      ...now,
      state: "dead",
      reason: "error",
      error,
      endedAt: at,
      history: appended(now.history, { at, event: "dead (error)", error })
    } : void 0
  );
  if (!ended2) return;
  countOutcome(deps.metrics, { queue: row2.queue, name: "JobsParked", kind: error.class });
  await finish(deps, ended2);
}
var VENDORS = ["zendesk", "sendgrid", "app-store-connect"];
async function releaseStopped(deps, mayGoOn2) {
  for (const vendor of VENDORS) {
    const flag = await deps.flags.read(vendor);
    deps.metrics.add("VendorStopped", flag?.stoppedAt === void 0 ? 0 : 1, "Count", { vendor });
    if (flag?.stoppedAt !== void 0) await probe(deps, vendor);
    else
      for (const queue of deps.queueNames)
        await eachDue(deps, { todo: todoKey(queue, "stopped", vendor), mayGoOn: mayGoOn2 }, (row2) => release(deps, row2));
  }
}
async function probe(deps, vendor) {
  const until = deps.clock.now();
  const waiting = await Promise.all(
    deps.queueNames.map((queue) => deps.table.due(todoKey(queue, "stopped", vendor), { until, limit: SHARE }))
  );
  const oldestFirst = waiting.flat().sort((a, b) => a.todoAt - b.todoAt);
  for (const { key } of oldestFirst) {
    const row2 = await deps.ledger.get(key);
    if (row2?.state !== "held" || row2.vendor !== vendor) continue;
    await deps.flags.probe(vendor, row2.id);
    return release(deps, row2);
  }
  await deps.flags.probe(vendor, ANYONE);
}

// lib/reconcile/walk.ts
var WALK_SECONDS = 300;
var BATCH = 10;
var FRUITLESS_RECEIVES = 3;
var AT_ONCE2 = 10;
async function walkDeadLetters({ queues, clock }, url, look2) {
  const handles = /* @__PURE__ */ new Map();
  const end2 = clock.now() + WALK_SECONDS * 1e3;
  try {
    for (let fruitless = 0; fruitless < FRUITLESS_RECEIVES; ) {
      if (clock.now() >= end2) return false;
      const messages = await receiveGroups(queues, url, WALK_SECONDS);
      fruitless = messages.length === 0 ? fruitless + 1 : 0;
      const fresh2 = messages.filter(({ messageId }) => !handles.has(messageId));
      for (const { messageId, receiptHandle } of messages) handles.set(messageId, receiptHandle);
      if (!fresh2.every(look2)) return true;
    }
    return true;
  } finally {
    await eachOf([...handles.values()], AT_ONCE2, (handle) => showIn(queues, url, handle, 0));
  }
}
async function receiveGroups(queues, url, visibilitySeconds) {
  const messages = await queues.receive(url, { max: BATCH, visibilitySeconds });
  const last = messages.at(-1)?.groupId;
  const whole2 = messages.filter(({ groupId }) => groupId !== last);
  if (messages.length < BATCH || last === void 0 || whole2.length === 0) return messages;
  for (const { groupId, receiptHandle } of messages) if (groupId === last) await showIn(queues, url, receiptHandle, 0);
  return whole2;
}
async function showIn(queues, url, receiptHandle, seconds) {
  await queues.changeVisibility(url, receiptHandle, seconds).catch((error) => {
    if (!(error instanceof StoreError)) throw error;
  });
}

// lib/ops/entry-body.ts
async function entryBody(deps, row2) {
  if (row2.parkedAt === void 0 || row2.leftDlqAt !== void 0) return void 0;
  let found2;
  await walkDeadLetters(deps, deps.dlqUrl(row2.queue), ({ body, attributes: attributes2 }) => {
    const carriesIt = attributes2[ATTRIBUTE.job] === row2.id && attributes2[ATTRIBUTE.body] === void 0;
    if (carriesIt && body !== GONE) found2 = body;
    return found2 === void 0;
  });
  return found2;
}

// lib/ops/retry.ts
async function retry(deps, row2) {
  if (row2.state === "dead") return redrive(deps, row2);
  if (row2.state === "cancelled") return reopen(deps, row2);
  const hint = row2.state === "held" ? `; ${HELD[row2.reason ?? ""] ?? "it goes on by itself"}` : "";
  throw new OperatorError(
    `${row2.id} is ${stateOf(row2)}${hint}: only a dead or cancelled job can be brought back (sls jobs retry).`
  );
}
var HELD = { unknown: "settle its step (sls jobs settle)" };
async function redrive(deps, row2) {
  const body = await keptBody(deps, row2) ?? await entryBody(deps, row2);
  if (body === void 0) throw gone(row2);
  const { messageId, at } = await send(deps, row2, body);
  await deps.ledger.update(row2.key, (now) => noted(now, at, "redriven (operator)", messageId));
  return { messageId };
}
async function reopen(deps, row2) {
  const at = deps.clock.now();
  const open2 = noted(
    { ...withoutEnd(row2), state: "queued", opened: row2.opened + 1, attempts: 0, silent: 0 },
    at,
    EVENT
  );
  if (!row2.bodyKept) {
    const acknowledged = row2.left.includes(row2.deliveries.at(-1)?.messageId ?? "");
    if (row2.reason !== "operator" || row2.sentAt === void 0 || acknowledged) throw gone(row2);
    await decide(deps, row2, open2);
    return {};
  }
  const body = await keptBody(deps, row2);
  if (body === void 0) throw gone(row2);
  const { sentAt: _sentAt, ...unsent } = open2;
  await decide(deps, row2, unsent);
  const { messageId, at: sentAt } = await send(deps, row2, body);
  await deps.ledger.update(
    row2.key,
    (now) => now.state === "queued" && now.sentAt === void 0 ? noted({ ...now, sentAt }, sentAt, "sent", messageId) : void 0
  );
  return { messageId };
}
var EVENT = "reopened (operator)";
async function send(deps, row2, body) {
  const deduplication = deduplicationId.redriven(row2.id, row2.opened);
  const { messageId } = await deps.queues.send(
    deps.queueUrl(row2.queue),
    backInQueue(deps, { row: row2, body, deduplication })
  );
  return { messageId, at: deps.clock.now() };
}
var gone = (row2) => new OperatorError(
  `${row2.id} is ${stateOf(row2)} and its body is gone, from the bucket and the DLQ: whoever sent it must send it again.`
);

// lib/ops/settle.ts
async function settle(deps, { row: row2, step: name, as }) {
  if (row2.state !== "held" || row2.reason !== "unknown")
    throw new OperatorError(`${row2.id} is ${stateOf(row2)}: only a step of a held (unknown) job can be settled.`);
  const unknown = Object.entries(row2.steps).flatMap(
    ([step2, { status }]) => status === "unknown" && !row2.evidence?.[step2] ? [step2] : []
  );
  const step = row2.steps[name];
  if (!step || !unknown.includes(name))
    throw new OperatorError(`${row2.id} has no unknown step ${name}: --step is ${unknown.join(" or ")}.`);
  const at = deps.clock.now();
  const settled2 = noted({ ...row2, ...SAID[as](row2, { name, step, at }) }, at, `${name} settled as ${as} (operator)`);
  if (unknown.length > 1) return decide(deps, row2, settled2);
  const due2 = await decide(deps, row2, { ...settled2, reason: "retry", dueAt: at });
  await release(deps, due2);
  return await deps.ledger.get(row2.key) ?? due2;
}
var SAID = {
  done: ({ evidence }, { name, at }) => ({
    evidence: { ...evidence, [name]: { at, event: "operator" } }
  }),
  skipped: ({ steps }, { name, step, at }) => ({
    steps: { ...steps, [name]: { ...step, status: "skipped", endedAt: at, reason: "operator" } }
  })
};

// lib/reconcile/behind.ts
var AT_ONCE3 = 16;
var releaseBehind = async (deps, queue, mayGoOn2) => {
  const todo = todoKey(queue, "behind");
  const groups2 = /* @__PURE__ */ new Set();
  for await (const keys2 of everyDue(deps, { todo, mayGoOn: mayGoOn2 }))
    await eachOf(keys2, AT_ONCE3, async (key) => {
      const row2 = await deps.ledger.get(key);
      if (row2?.todo === todo && row2.group !== void 0) groups2.add(row2.group);
    });
  await throughAll(groups2, async (group) => {
    if (mayGoOn2()) await releaseGroup(deps, { queue, group, mayGoOn: mayGoOn2 });
  });
};
async function releaseGroup(deps, { queue, group, mayGoOn: mayGoOn2 }) {
  const waiting = await deps.order.waiting(queue, group);
  for (const [index, id2] of waiting.entries()) {
    if (!mayGoOn2()) return;
    const row2 = await deps.ledger.get(jobKey(queue, id2));
    const heldItself = row2?.state === "held" && row2.reason !== "behind";
    if (index === 0 && heldItself) return;
    if (row2?.state === "held" && row2.reason === "behind") await release(deps, row2);
  }
}

// lib/jobs/chunk.ts
var import_uuid = require("uuid");
var CAMPAIGN_CHUNK = "email.campaign-chunk.v1";
var NAMESPACE = "5d2b1a0c-8f0e-4f5e-9d6c-3c1f7a9be240";
var chunkId = (campaign, number) => (0, import_uuid.v5)(`${campaign}/${number}`, NAMESPACE);
var chunkRecipients = ({ chunks, chunkSize, recipients }, number) => number < chunks - 1 ? chunkSize : recipients - (chunks - 1) * chunkSize;
function chunkEnvelope(campaign, number) {
  return {
    specversion: "1.0",
    id: chunkId(campaign.id, number),
    type: CAMPAIGN_CHUNK,
    source: campaign.source,
    time: new Date(campaign.time).toISOString(),
    datacontenttype: "application/json",
    correlationid: campaign.id,
    data: { campaign: campaign.id, number, recipients: chunkRecipients(campaign, number) }
  };
}

// lib/jobs/new-row.ts
function blankRow({ queue, id: id2, time, payloadHash: payloadHash2, group, now }) {
  return {
    key: jobKey(queue, id2),
    version: 0,
    writer: "",
    queue,
    id: id2,
    time,
    payloadHash: payloadHash2,
    ...group ? { group } : {},
    state: "queued",
    opened: 1,
    attempts: 0,
    silent: 0,
    holds: 0,
    left: [],
    steps: {},
    history: [],
    deliveries: [],
    createdAt: now,
    updatedAt: now
  };
}
function rowOfEnvelope({
  envelope,
  ...origin
}) {
  return {
    ...blankRow({ ...origin, id: envelope.id, time: Date.parse(envelope.time), payloadHash: payloadHash(envelope) }),
    type: envelope.type,
    source: envelope.source,
    ...envelope.sequence ? { sequence: envelope.sequence } : {},
    ...envelope.correlationid ? { correlationId: envelope.correlationid } : {},
    ...envelope.traceparent ? { traceparent: envelope.traceparent } : {}
  };
}
function newRow({
  random,
  group,
  ...rest
}) {
  const row2 = rowOfEnvelope({ ...rest, group });
  return { ...row2, version: 1, writer: random.uuid(), history: [{ at: rest.now, event: "accepted" }] };
}

// lib/reconcile/campaigns.ts
var BUDGET_SECONDS = 20;
var AT_ONCE4 = 8;
async function releaseCampaigns(deps, mayGoOn2) {
  if (!deps.queueNames.includes(CAMPAIGN_QUEUE)) return false;
  const todo = todoKey(CAMPAIGN_QUEUE, "campaign");
  const running = [];
  let outstanding = 0;
  try {
    await throughAll(
      everyDue(deps, { todo, mayGoOn: mayGoOn2 }),
      (keys2) => throughAll(keys2, async (key) => {
        const campaign = await readItem(deps, key);
        if (campaign?.todo !== todo || !mayGoOn2()) return;
        if (campaign.endedAt !== void 0) return missEvents(deps, campaign);
        const looked = await look(deps, await caughtUp(deps, campaign));
        outstanding += looked.outstanding;
        if (looked.campaign.status === "running") running.push(looked.campaign);
      })
    );
  } finally {
    if (running.length > 0) await spend(deps, { running, outstanding, mayGoOn: mayGoOn2 });
  }
  return running.length > 0;
}
async function caughtUp(deps, campaign) {
  const { id: id2, released, chunks } = campaign;
  if (released === chunks) return campaign;
  const row2 = await deps.ledger.get(jobKey(CAMPAIGN_QUEUE, chunkId(id2, released)));
  return (row2 && await countReleased(deps, { id: id2, number: released })) ?? campaign;
}
var countReleased = (deps, { id: id2, number }) => campaigns(deps).change(
  id2,
  (stored) => stored.released === number ? { ...stored, released: number + 1, open: [...stored.open, number] } : void 0
);
async function look(deps, campaign) {
  const rows2 = await rowsOf(deps, campaign, campaign.open);
  if (campaign.status !== "paused") {
    for (const row2 of rows2.values()) if (row2?.state === "held" && row2.reason === "paused") await release(deps, row2);
  }
  const open2 = campaign.open.filter((number) => !isEnded(rows2.get(number)));
  const waiting = open2.filter((number) => takesPart(rows2.get(number), campaign));
  const done = open2.length === 0 && (campaign.status === "cancelled" || campaign.released === campaign.chunks);
  const changed = done || open2.length < campaign.open.length ? await campaigns(deps).change(campaign.id, (now) => ({
    ...now,
    open: open2,
    ...done ? ended(now, deps.clock.now()) : {}
  })) : campaign;
  return {
    campaign: changed ?? campaign,
    outstanding: waiting.reduce((sum, number) => sum + chunkRecipients(campaign, number), 0)
  };
}
var isEnded = (row2) => row2 !== void 0 && isEnd(row2.state);
var takesPart = (row2, { status }) => !(row2?.state === "held" && (row2.reason === "unknown" || row2.reason === "paused" && status === "paused"));
var ended = (campaign, at) => ({
  status: campaign.status === "cancelled" ? "cancelled" : "ended",
  endedAt: at
});
async function rowsOf({ ledger }, campaign, numbers) {
  const rows2 = /* @__PURE__ */ new Map();
  await eachOf([...numbers], AT_ONCE4, async (number) => {
    rows2.set(number, await ledger.get(jobKey(CAMPAIGN_QUEUE, chunkId(campaign.id, number))));
  });
  return rows2;
}
async function spend(deps, { running, outstanding, mayGoOn: mayGoOn2 }) {
  let under = outstanding;
  let open2 = running.filter(({ released, chunks }) => released < chunks);
  const rate = await rateOf(deps, open2);
  while (open2.length > 0 && mayGoOn2()) {
    const next = [];
    for (const campaign of open2) {
      const size = chunkRecipients(campaign, campaign.released);
      if (under > 0 && under + size > rate * BUDGET_SECONDS) return;
      const after = await releaseChunk(deps, campaign);
      under += size;
      if (after?.status === "running" && after.released < after.chunks) next.push(after);
    }
    open2 = next;
  }
}
async function rateOf(deps, [first]) {
  const stored = await readItem(deps, rateKey("sendgrid"));
  return stored?.rate || (first ? first.chunkSize / 10 : 1);
}
async function releaseChunk(deps, campaign) {
  const { queues, ledger, clock, random, log } = deps;
  const number = campaign.released;
  const envelope = chunkEnvelope(campaign, number);
  const fifo = deps.settings(CAMPAIGN_QUEUE).type === "fifo";
  const { messageId } = await queues.send(deps.queueUrl(CAMPAIGN_QUEUE), {
    body: JSON.stringify(envelope),
    ...fifo ? { groupId: envelope.id, deduplicationId: deduplicationId.sent(envelope.id) } : {}
  });
  const now = clock.now();
  const row2 = newRow({ queue: CAMPAIGN_QUEUE, envelope, group: envelope.id, now, random });
  await ledger.write({ ...row2, sentAt: now, history: [{ at: now, event: "released", messageId }] }, 0);
  log.info("released", { queue: CAMPAIGN_QUEUE, jobId: envelope.id, correlationId: campaign.id, messageId });
  return countReleased(deps, { id: campaign.id, number });
}
async function missEvents(deps, campaign) {
  const numbers = Array.from({ length: campaign.released }, (_, number) => number);
  const rows2 = await rowsOf(deps, campaign, numbers);
  const silent = [...rows2.values()].filter((row2) => row2?.state === "succeeded" && row2.evidence?.send === void 0);
  if (silent.length > 0) {
    deps.metrics.add("ChunksWithoutEvents", silent.length, "Count", { queue: CAMPAIGN_QUEUE });
    deps.log.warn("accepted chunks without events", { correlationId: campaign.id, count: silent.length });
  }
  await campaigns(deps).change(campaign.id, (stored) => ({ ...stored, eventsChecked: true }));
}

// lib/jobs/canary.ts
var CANARY_TYPE = "canary.v1";
var canaryEnvelope = ({ id: id2, at }) => ({
  specversion: "1.0",
  id: id2,
  type: CANARY_TYPE,
  source: "reconciler",
  time: new Date(at).toISOString()
});
function canaryRow(queue, made2, random) {
  const row2 = newRow({ queue, envelope: canaryEnvelope(made2), group: made2.id, now: made2.at, random });
  return { ...row2, canary: true };
}

// lib/reconcile/canary.ts
async function watchCanary(deps, { queue, everyMs }) {
  const last = await readItem(deps, canaryKey(queue));
  const due2 = !last || deps.clock.now() - last.at >= everyMs;
  const judged = last && !last.judged ? await follow(deps, { queue, canary: last, everyMs, due: due2 }) : last;
  if (!due2) return;
  const made2 = { id: deps.random.uuid(), at: deps.clock.now(), judged: false };
  const begun = await write(deps, { ...made2, key: canaryKey(queue), version: judged?.version ?? 0, writer: "" });
  if (begun) await send2(deps, queue, begun);
}
async function follow(deps, { queue, canary, everyMs, due: due2 }) {
  const row2 = await deps.ledger.get(jobKey(queue, canary.id));
  const ended2 = row2 !== void 0 && isEnd(row2.state);
  if (!ended2 && !due2) {
    if (row2?.sentAt === void 0) await send2(deps, queue, canary);
    return void 0;
  }
  const judged = await write(deps, { ...canary, judged: true });
  if (judged) measure(deps, { queue, canary, row: row2, everyMs });
  return judged;
}
function measure({ metrics, log }, { queue, canary, row: row2, everyMs }) {
  const ms = row2?.state === "succeeded" ? (row2.endedAt ?? 0) - (row2.sentAt ?? row2.createdAt) : void 0;
  const inTime = ms !== void 0 && ms < everyMs;
  metrics.add("Canary", inTime ? 1 : 0, "Count", { queue });
  if (ms !== void 0) metrics.add("CanaryTime", ms, "Milliseconds", { queue });
  if (!inTime) log.warn("a canary was not done in time", { queue, jobId: canary.id, state: row2?.state, ms });
}
async function send2(deps, queue, canary) {
  const { ledger, queues, clock, random } = deps;
  const row2 = canaryRow(queue, canary, random);
  await ledger.write(row2, 0);
  const body = JSON.stringify(canaryEnvelope(canary));
  await queues.send(
    deps.queueUrl(queue),
    backInQueue(deps, { row: row2, body, deduplication: deduplicationId.sent(canary.id) })
  );
  const sentAt = clock.now();
  await ledger.update(row2.key, (now) => now.sentAt === void 0 ? { ...now, sentAt } : void 0);
}
async function write(deps, item) {
  const result = await writeItem({ ...deps, item, expected: item.version });
  return result.written ? result.item : void 0;
}

// lib/jobs/claim.ts
var CRASH_LOOP_RUNS = 2;
async function claim(ledger, request2) {
  const { key, payloadHash: payloadHash2, delivery, alone, maxAttempts, now, token } = request2;
  for (; ; ) {
    const stored = await ledger.get(key);
    const row2 = stored ?? await request2.fresh();
    if (row2.payloadHash !== payloadHash2) return { kind: "conflict" };
    if (row2.lease?.token === token) return ours(row2, maxAttempts);
    if (row2.left.includes(delivery.messageId)) return { kind: "late", row: row2 };
    if (row2.state === "succeeded" || row2.state === "cancelled" && row2.reason === "operator")
      return { kind: "late", row: row2 };
    if (row2.state === "processing" && row2.lease && row2.lease.until > now())
      return { kind: "busy", until: row2.lease.until, messageId: row2.lease.messageId };
    if (row2.state === "processing" && !alone) return { kind: "suspect" };
    const next = taken(row2, { ...request2, at: now() });
    const result = await ledger.write(next, stored?.version ?? 0);
    if (result.written) return ours(result.item, maxAttempts);
  }
}
var crashLoop = () => new PermanentError({ code: "CrashLoop", message: "the last runs of this job ended without any outcome" });
function ours(row2, maxAttempts) {
  const loops = row2.silent >= CRASH_LOOP_RUNS || row2.attempts >= maxAttempts;
  return { kind: loops ? "crash-loop" : "claimed", row: row2 };
}
var silentRuns = (row2) => row2.silent + (diedAlone(row2) ? 1 : 0);
var LATEST_WRITE_MS = 6e4;
var diedAlone = (row2) => row2.state === "processing" && row2.lease?.alone === true;
function taken(row2, {
  delivery,
  token,
  leaseUntil,
  alone,
  at
}) {
  const reopened = row2.state === "dead" || row2.state === "cancelled";
  const events = [];
  const unrecorded = reopened && row2.recordedAt === void 0;
  if (row2.state === "processing") events.push({ at, event: "ended without outcome" });
  if (reopened) events.push({ at, event: "reopened", messageId: delivery.messageId });
  events.push({ at, event: "started", messageId: delivery.messageId });
  return {
    ...withoutEnd(row2),
    state: "processing",
    lease: { token, until: leaseUntil, messageId: delivery.messageId, alone },
    opened: row2.opened + (row2.state === "dead" ? 1 : 0),
    attempts: reopened ? 0 : row2.attempts + (diedAlone(row2) ? 1 : 0),
    silent: reopened ? 0 : silentRuns(row2),
    history: events.reduce(appended, row2.history),
    deliveries: appended(row2.deliveries, delivery),
    ...unrecorded ? { recordFrom: at + LATEST_WRITE_MS } : {},
    ...row2.group === void 0 && delivery.group !== void 0 ? { group: delivery.group } : {},
    sentAt: delivery.sentAt,
    firstStartedAt: row2.firstStartedAt ?? at
  };
}

// lib/worker/resolve.ts
async function resolve({ objects, prefix, queue }, message) {
  const named2 = message.attributes[ATTRIBUTE.job];
  let { body } = message;
  if (message.attributes[ATTRIBUTE.body] === "kept" && named2) {
    const kept = await objects.get(bodyKey(prefix, queue, named2));
    body = kept ? Buffer.from(kept).toString("utf8") : "";
  }
  try {
    const envelope = parseEnvelope(body);
    const resolved = { id: envelope.id, body, envelope, payloadHash: payloadHash(envelope) };
    return named2 && isInvalidId(named2) ? disowned(resolved, named2) : resolved;
  } catch (error) {
    const id2 = named2 && isInvalidId(named2) ? named2 : invalidId(message.messageId);
    return { id: id2, body, payloadHash: sha256(body), problem: asProblem(error) };
  }
}
function disowned({ body, envelope, alleged = envelope }, id2) {
  return { id: id2, body, payloadHash: sha256(body), problem: new IdTakenError(), ...alleged && { alleged } };
}
function asProblem(error) {
  if (error instanceof PermanentError) return error;
  return new PermanentError({ code: "TooDeep", message: "the message body is nested too deeply", field: "data" });
}
var DEPLOYMENT_MS = 60 * 6e4;
var DEPLOYMENT_WAIT_MS = 5 * 6e4;
function typeOf(contract3, envelope, now) {
  const known2 = contract3.types[envelope.type];
  if (known2) return known2;
  const { base, version } = parseType(envelope.type);
  const versions = Object.keys(contract3.types).map(parseType).filter((type) => type.base === base);
  if (versions.length === 0)
    throw new PermanentError({
      code: "WrongType",
      message: `type: is not a type of the queue ${contract3.queue}`,
      field: "type"
    });
  const newer = versions.every((type) => version > type.version);
  if (newer && now - Date.parse(envelope.time) < DEPLOYMENT_MS)
    throw new WaitError({
      code: "NewerVersion",
      message: "type: a newer version than this code knows",
      field: "type",
      waitMs: DEPLOYMENT_WAIT_MS
    });
  throw new PermanentError({
    code: "UnknownVersion",
    message: "type: a version that this code does not know",
    field: "type"
  });
}
function parseType(type) {
  const at = type.lastIndexOf(".v");
  return { base: type.slice(0, at), version: at < 0 ? Number.NaN : Number(type.slice(at + 2)) };
}
async function dataOf({ objects, bucket, prefix, queue }, envelope, type) {
  if (envelope.dataref === void 0) return parseOrPark(type.schema, envelope.data, "data");
  const bad = (code, rule2) => new PermanentError({ code, message: `dataref: ${rule2}`, field: "dataref" });
  if (envelope.data !== void 0) throw bad("InvalidDataref", "must not stand beside data");
  const key = envelope.dataref.startsWith(`s3://${bucket}/`) ? envelope.dataref.slice(`s3://${bucket}/`.length) : envelope.dataref;
  if (!key.startsWith(dataPrefix(prefix, queue))) throw bad("InvalidDataref", "must be under the queue's own prefix");
  const bytes = await objects.get(key);
  if (!bytes) throw bad("DatarefMissing", "there is no such object");
  if (sha256(bytes) !== envelope.datasha256) throw bad("DatarefChanged", "the object is not the one that was sent");
  return parseOrPark(type.schema, parseJson(bytes), "data");
}
function parseJson(bytes) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new PermanentError({
      code: "NotJson",
      message: "dataref: the object is not JSON in UTF-8",
      field: "dataref"
    });
  }
}

// lib/jobs/clock-skew.ts
var CLOCK_SKEW_MS = 2e3;

// lib/reconcile/returns.ts
var MOST_RETURNS = 2;
var GIVE_UP_MS = 60 * 6e4;
var MOST_WATCHED = 20;
var RETURNED = "returned untried";
async function returnUntried(deps, {
  queue,
  untried,
  now,
  mayGoOn: mayGoOn2,
  park
}) {
  const judged = [];
  for (const moved of untried) judged.push({ ...moved, killed: await hasKilled(deps, queue, moved) });
  const hopeless = judged.filter((moved) => timesReturned(moved) >= MOST_RETURNS && moved.killed);
  for (const moved of hopeless)
    if (await park(moved)) await deps.queues.delete(deps.dlqUrl(queue), moved.message.receiptHandle);
  const candidates = judged.filter((moved) => !hopeless.includes(moved)).sort((a, b) => timesReturned(a) - timesReturned(b) || a.message.sentAt - b.message.sentAt);
  if (candidates.length === 0) return [];
  const last = await deps.table.get(returnsKey(queue));
  const state = await judgeLast(deps, { last, now, candidates });
  if (state === "pending") return candidates;
  const fresh2 = candidates.filter((moved) => timesReturned(moved) === 0);
  const chosen = state === "works" && fresh2.length > 0 ? fresh2 : candidates.slice(0, 1);
  await note(deps, { queue, chosen, now });
  const { share = SHARE } = deps;
  const returned = /* @__PURE__ */ new Set();
  for (const moved of chosen) {
    if (returned.size >= share && !mayGoOn2()) break;
    await giveBack(deps, { queue, moved, now });
    returned.add(moved);
  }
  return candidates.filter((moved) => !returned.has(moved));
}
var timesReturned = ({ message }) => Number(message.attributes[ATTRIBUTE.returned] ?? 0);
async function hasKilled({ ledger }, queue, { message, row: row2 }) {
  const { messageId, attributes: attributes2 } = message;
  if (attributes2[ATTRIBUTE.returned] === void 0) return false;
  const heardOf = row2?.history.some((entry) => entry.messageId === messageId && entry.event !== RETURNED) ?? false;
  return !heardOf && await ledger.trials.begun(queue, messageId);
}
async function judgeLast({ ledger }, { last, now, candidates }) {
  if (!last) return "unknown";
  const rows2 = await Promise.all(last.watched.map((key) => ledger.get(key)));
  if (rows2.some((row2) => row2 && hadOutcome(row2, last.at - CLOCK_SKEW_MS))) return "works";
  const back = candidates.some(
    ({ message: { messageId, attributes: attributes2 } }) => attributes2[ATTRIBUTE.returnedAt] === String(last.at) || last.messages?.includes(messageId)
  );
  if (!last.single || back || now - last.at > GIVE_UP_MS) return "unknown";
  return "pending";
}
function hadOutcome(row2, since) {
  if (isEnd(row2.state)) return (row2.endedAt ?? 0) >= since;
  return row2.history.some(({ at, event }) => at >= since && (event === "retry" || event.startsWith("held")));
}
async function note(deps, { queue, chosen, now }) {
  const key = returnsKey(queue);
  const watched = chosen.slice(0, MOST_WATCHED).map(({ resolved }) => jobKey(queue, resolved.id));
  const messages = chosen.slice(0, MOST_WATCHED).map(({ message }) => message.messageId);
  await updateItem(deps, key, (stored) => ({
    ...stored ?? { key, version: 0, writer: "" },
    watched,
    messages,
    at: now,
    single: chosen.length === 1
  }));
}
async function giveBack(deps, { queue, moved, now }) {
  const { queues, ledger, clock, metrics, log, exits } = deps;
  const { message, resolved, row: row2 } = moved;
  const before = timesReturned(moved);
  const times2 = before === 0 || moved.killed ? before + 1 : before;
  const back = backInQueue(deps, {
    row: { queue, id: resolved.id, ...message.groupId ? { group: message.groupId } : {} },
    body: resolved.body,
    // Not the others: they tell of an end that is over, and SQS takes no more than ten.
    attributes: { [ATTRIBUTE.returned]: String(times2), [ATTRIBUTE.returnedAt]: String(now) },
    deduplication: deduplicationId.returned(resolved.id, message.messageId)
  });
  if (back.body !== resolved.body)
    await deps.objects.put(bodyKey(deps.prefix, queue, resolved.id), resolved.body, "application/json");
  const sent = await queues.send(deps.queueUrl(queue), back);
  await queues.delete(deps.dlqUrl(queue), message.receiptHandle);
  if (row2) {
    const at = clock.now();
    const entry = { at, event: RETURNED, messageId: sent.messageId };
    await ledger.update(row2.key, (stored) => ({ ...stored, sentAt: at, history: appended(stored.history, entry) }));
  }
  metrics.add("MessagesReturned", 1, "Count", { queue });
  exits.note(queue, "returned");
  log.warn("returned untried", { queue, jobId: resolved.id, messageId: sent.messageId, count: times2 });
}

// lib/reconcile/dead-letters.ts
var WALK_SECONDS2 = 60;
var SEEN_SECONDS = 300;
var AT_ONCE5 = 10;
var WALK_ANYWAY_MS = 15 * 6e4;
var judgeDeadLetters = async (deps, queue, mayGoOn2) => {
  if (!await worthWalking(deps, queue)) return;
  const hidden = /* @__PURE__ */ new Set();
  try {
    const { untried, failures } = await walk(deps, { queue, mayGoOn: mayGoOn2, hidden });
    const waiting = await returnUntried(deps, {
      queue,
      untried,
      now: deps.clock.now(),
      mayGoOn: mayGoOn2,
      park: (moved) => parkCrashed(deps, queue, moved)
    });
    for (const moved of untried) if (!waiting.includes(moved)) hidden.delete(moved.message);
    if (failures.length > 0) throw failures[0];
  } finally {
    const url = deps.dlqUrl(queue);
    await eachOf([...hidden], AT_ONCE5, ({ receiptHandle }) => showIn(deps.queues, url, receiptHandle, 0));
  }
};
async function walk(deps, { queue, mayGoOn: mayGoOn2, hidden }) {
  const { queues } = deps;
  const url = deps.dlqUrl(queue);
  const seen = /* @__PURE__ */ new Set();
  const kept = [];
  const untried = [];
  const failures = [];
  const stuck = /* @__PURE__ */ new Set();
  const handle = async (message) => {
    const { groupId = message.messageId } = message;
    if (!mayGoOn2() || stuck.has(groupId)) return;
    stuck.add(groupId);
    const verdict = await judge(deps, { queue, message, seen });
    stuck.delete(groupId);
    if (verdict === "keep") kept.push(message);
    else if (verdict !== "delete") untried.push(verdict);
    else {
      await queues.delete(url, message.receiptHandle);
      hidden.delete(message);
    }
  };
  while (mayGoOn2()) {
    const messages = await receiveGroups(queues, url, WALK_SECONDS2);
    if (messages.length === 0) return { untried, failures };
    for (const message of messages) hidden.add(message);
    await throughAll(messages, handle).catch((error) => failures.push(error));
  }
  for (const message of kept) hidden.delete(message);
  await eachOf(kept, AT_ONCE5, ({ receiptHandle }) => showIn(queues, url, receiptHandle, SEEN_SECONDS));
  return { untried, failures };
}
async function worthWalking({ queues, table, clock, settings, dlqUrl }, queue) {
  const { visible, inFlight } = await queues.depth(dlqUrl(queue));
  const since = clock.now() - settings(queue).dlqRetention * 1e3;
  const parked = await table.count(todoKey(queue, "dead"), { since });
  return visible + inFlight !== parked || clock.now() % WALK_ANYWAY_MS < 6e4;
}
async function judge(deps, { queue, message, seen }) {
  if (!message.movedBySqs && message.attributes.code !== void 0) return judgeParked(deps, { queue, message, seen });
  const moved = await owned(deps, queue, message);
  const { resolved, row: row2 } = moved;
  if (!row2) return moved;
  if (row2.canary) {
    deps.exits.note(queue, "canary");
    return "delete";
  }
  if (row2.state === "processing" && row2.lease && row2.lease.until > deps.clock.now()) return "keep";
  const done = row2.left.includes(message.messageId) || row2.state === "succeeded" || row2.reason === "operator";
  if (done) {
    await finish(deps, row2, resolved.body);
    return await keepCancelled(deps, row2, resolved.body) ? "delete" : "keep";
  }
  if (row2.state === "processing" && silentRuns(row2) >= CRASH_LOOP_RUNS) {
    return await parkCrashed(deps, queue, moved) ? "delete" : "keep";
  }
  return moved;
}
async function owned(deps, queue, message) {
  const resolved = await resolve({ ...deps, queue }, message);
  const own = disowned(resolved, invalidId(message.messageId));
  const ownRow = await deps.ledger.get(jobKey(queue, own.id));
  if (ownRow) return { message, resolved: own, row: ownRow };
  const row2 = await deps.ledger.get(jobKey(queue, resolved.id));
  if (!row2 || row2.payloadHash === resolved.payloadHash) return { message, resolved, row: row2 };
  return { message, resolved: own, row: void 0 };
}
async function judgeParked(deps, { queue, message, seen }) {
  const { messageId, [ATTRIBUTE.job]: id2 } = message.attributes;
  const row2 = id2 === void 0 ? void 0 : await deps.ledger.get(jobKey(queue, id2));
  if (!row2) return "keep";
  const entry = `${row2.id} ${messageId}`;
  const again = seen.has(entry);
  seen.add(entry);
  const wanted = row2.state === "dead" && row2.parkedFrom === messageId && row2.leftDlqAt === void 0;
  if (wanted && !again) return "keep";
  if (row2.state === "dead" && row2.leftDlqAt !== void 0 && !again) deps.exits.note(queue, "discarded");
  return "delete";
}
async function parkCrashed(deps, queue, moved) {
  const { ledger, objects, prefix, clock, metrics, log } = deps;
  const { message, resolved } = moved;
  const at = clock.now();
  const error = storedError(crashLoop());
  const base = rowToEnd(queue, moved, at);
  await objects.put(bodyKey(prefix, queue, base.id), resolved.body, "application/json");
  const { lease: _lease, recordedAt: _recordedAt, parkedAt: _parkedAt, leftDlqAt: _leftDlqAt, ...rest } = base;
  const result = await ledger.write(
    {
      ...rest,
      state: "dead",
      reason: "crash",
      error,
      endedAt: at,
      parkedFrom: message.messageId,
      bodyKept: true,
      left: appended(base.left, message.messageId),
      history: appended(base.history, { at, event: "dead (crash)", messageId: message.messageId, error })
    },
    base.version
  );
  if (!result.written) return false;
  countOutcome(metrics, { queue, name: "JobsParked", kind: "crash" });
  log.error("parked after crashes", { queue, jobId: base.id, messageId: message.messageId, code: error.code });
  await finish(deps, result.item, resolved.body);
  return true;
}
function rowToEnd(queue, { message, resolved, row: row2 }, now) {
  if (row2) return row2;
  const { id: id2, envelope, payloadHash: payloadHash2 } = resolved;
  const origin = { queue, group: message.groupId, now };
  return envelope ? rowOfEnvelope({ ...origin, envelope }) : blankRow({ ...origin, id: id2, time: message.sentAt, payloadHash: payloadHash2 });
}

// lib/reconcile/signs.ts
async function settleEnd({ ledger, clock }, row2) {
  if (provenSteps(row2).length === 0) return row2;
  const at = clock.now();
  return ledger.update(row2.key, (now) => isEnd(now.state) ? settled(now, at) : void 0);
}
function settled({ recordedAt: _recordedAt, ...row2 }, at) {
  const steps = { ...row2.steps };
  let { result, history } = row2;
  for (const [name, sign] of provenSteps(row2)) {
    const startedAt = steps[name]?.startedAt ?? sign.at;
    steps[name] = { status: "done", startedAt, endedAt: at, result: sentBySign(sign) };
    result = told(result, name);
    history = appended(history, { at, event: `${name} proven`, note: sign.event });
  }
  return { ...row2, steps, result, history };
}
var told = (result, name) => typeof result === "object" && result !== null && result[name] === "unknown" ? { ...result, [name]: "sent" } : result;

// lib/reconcile/ends.ts
var completeEnds = (deps, queue, mayGoOn2) => eachDue(deps, { todo: todoKey(queue, "ending"), mayGoOn: mayGoOn2 }, async (row2) => {
  await finish(deps, await settleEnd(deps, row2) ?? row2);
});
var cancelUnsent = (deps, queue, mayGoOn2) => eachDue(
  deps,
  { todo: todoKey(queue, "unsent"), mayGoOn: mayGoOn2 },
  (row2) => end(deps, row2, { state: "cancelled", reason: "never-sent" })
);
var endExpired = (deps, queue, mayGoOn2) => eachDue(
  deps,
  { todo: todoKey(queue, "waiting"), mayGoOn: mayGoOn2 },
  (row2) => end(deps, row2, { state: "dead", reason: "expired" })
);
var NEAR = 0.8;
var noticeOld = async ({ table, clock, settings, metrics, log }, queue) => {
  const soonMs = settings(queue).retention * 1e3 * (1 - NEAR);
  const near = await table.due(todoKey(queue, "waiting"), { until: clock.now() + soonMs, limit: 1 });
  if (near.length === 0) return;
  metrics.add("JobsNearRetention", near.length, "Count", { queue });
  log.warn("a job is near the end of its retention", { queue, until: near[0]?.todoAt });
};
var noteGoneEntries = (deps, queue, mayGoOn2) => {
  const at = deps.clock.now();
  const until = at - deps.settings(queue).dlqRetention * 1e3;
  return eachDue(deps, { todo: todoKey(queue, "dead"), mayGoOn: mayGoOn2, until }, async (row2) => {
    await deps.ledger.update(
      row2.key,
      (now) => now.parkedAt === row2.parkedAt && now.state === "dead" && now.leftDlqAt === void 0 ? { ...now, leftDlqAt: at, history: appended(now.history, { at, event: "DLQ entry expired" }) } : void 0
    );
    deps.exits.note(queue, "expired");
  });
};
var dropBodies = (deps, queue, mayGoOn2) => eachDue(deps, { todo: todoKey(queue, "kept"), mayGoOn: mayGoOn2 }, async (row2) => {
  await deps.objects.delete(bodyKey(deps.prefix, queue, row2.id));
  await deps.ledger.update(row2.key, (now) => now.todo === row2.todo ? { ...now, bodyKept: false } : void 0);
});
async function end(deps, row2, { state, reason }) {
  const at = deps.clock.now();
  const error = reason === "expired" ? storedError(new PermanentError({ code: "Expired", message: "the message outlived its queue's retention" })) : void 0;
  const { lease: _lease, ...rest } = row2;
  const ended2 = await deps.ledger.write(
    {
      ...rest,
      state,
      reason,
      endedAt: at,
      ...error ? { error } : {},
      history: appended(row2.history, { at, event: `${state} (${reason})` })
    },
    row2.version
  );
  if (!ended2.written) return;
  if (reason === "expired") deps.metrics.add("JobsExpired", 1, "Count", { queue: row2.queue });
  await finish(deps, ended2.item);
}

// lib/reconcile/exits.ts
var MOST_EXITS = 50;
function createExits() {
  const noted2 = /* @__PURE__ */ new Map();
  return {
    note(queue, how) {
      const counts = noted2.get(queue) ?? /* @__PURE__ */ new Map();
      noted2.set(queue, counts.set(how, (counts.get(how) ?? 0) + 1));
    },
    async keep(deps, queue) {
      const { table, clock } = deps;
      const at = clock.now();
      const todo = todoKey(queue, "dead");
      const counts = noted2.get(queue) ?? /* @__PURE__ */ new Map();
      const dead = await table.count(todo, { since: 0 });
      const last = await table.get(dlqKey(queue));
      if (counts.size === 0 && dead === (last?.dead ?? 0)) return;
      const parked = last && await table.count(todo, { since: last.at });
      const gone2 = last && parked !== void 0 ? last.dead + parked - dead : 0;
      const redriven = gone2 - (counts.get("expired") ?? 0) - (counts.get("discarded") ?? 0);
      const left = [...counts, ...redriven > 0 ? [["redriven", redriven]] : []];
      await updateItem(deps, dlqKey(queue), (stored) => ({
        ...stored ?? { key: dlqKey(queue), version: 0, writer: "" },
        dead,
        at,
        exits: [...stored?.exits ?? [], ...left.map(([how, count2]) => ({ at, how, count: count2 }))].slice(-MOST_EXITS)
      }));
    }
  };
}

// lib/reconcile/gauges.ts
var LOOK_AT = 10;
async function gaugeHeld(deps, queue) {
  const { table, ledger, clock, metrics } = deps;
  const now = clock.now();
  let oldest = now;
  for (const kind2 of ["held", "behind", "unknown"])
    for (const { key } of await table.due(todoKey(queue, kind2), { until: Number.MAX_SAFE_INTEGER, limit: LOOK_AT })) {
      const row2 = await ledger.get(key);
      if (row2?.state !== "held" || row2.reason === "paused") continue;
      if (row2.reason === "behind" && await isBehindStopped(deps, row2)) continue;
      oldest = Math.min(oldest, heldSince(row2));
    }
  metrics.add("OldestHeld", now - oldest, "Milliseconds", { queue });
}
async function isBehindStopped({ order, ledger }, { queue, group = "" }) {
  const [first] = await order.waiting(queue, group);
  const head = first === void 0 ? void 0 : await ledger.get(jobKey(queue, first));
  return head?.history.findLast(({ event }) => event.startsWith("held"))?.event === "held (stopped)";
}
function heldSince({ history, updatedAt }) {
  const opened = history.findLastIndex(({ event }) => event === "reopened");
  return history.slice(opened + 1).find(({ event }) => event.startsWith("held"))?.at ?? updatedAt;
}

// lib/reconcile/paused.ts
var releasePaused = async (deps, queue, mayGoOn2) => {
  if (queue !== CAMPAIGN_QUEUE) return;
  const todo = todoKey(queue, "paused");
  await throughAll(
    everyDue(deps, { todo, mayGoOn: mayGoOn2 }),
    (keys2) => throughAll(keys2, async (key) => {
      const row2 = mayGoOn2() ? await deps.ledger.get(key) : void 0;
      if (row2?.todo !== todo) return;
      const campaign = await readItem(deps, campaignKey(row2.correlationId ?? ""));
      if (campaign?.status !== "paused") await release(deps, row2);
    })
  );
};

// lib/reconcile/reconcile.ts
var WORK = {
  releaseDue,
  releasePaused,
  releaseBehind,
  completeEnds,
  cancelUnsent,
  endExpired,
  noticeOld,
  noteGoneEntries,
  dropBodies,
  judgeDeadLetters,
  noteExits: (deps, queue) => deps.exits.keep(deps, queue),
  gaugeHeld
};
var LARGEST_SHARE = 0.25;
var GUARD_MS = 2e3;
var CAMPAIGN_PAUSE_MS = 2e3;
async function reconcile(reached, { remainingMs, stayMs = 0, canaryMs = 0 }) {
  const deps = { ...reached, exits: createExits() };
  const { clock, metrics, log } = deps;
  const stayUntil = clock.now() + stayMs;
  const end2 = clock.now() + remainingMs - Math.min(GUARD_MS, remainingMs / 10);
  const holder = deps.random.uuid();
  if (!await begin(deps, holder, clock.now() + remainingMs)) {
    log.info("another run is under way");
    return;
  }
  let campaignsRun = await campaigns3();
  await attempt("releaseStopped", () => releaseStopped(deps, share()));
  if (canaryMs > 0)
    for (const queue of deps.queueNames)
      await attempt("watchCanary", () => watchCanary(deps, { queue, everyMs: canaryMs }), queue);
  for (const queue of deps.queueNames)
    for (const [kind2, work] of Object.entries(WORK)) await attempt(kind2, () => work(deps, queue, share()), queue);
  while (campaignsRun && clock.now() + CAMPAIGN_PAUSE_MS < Math.min(end2, stayUntil)) {
    await clock.sleep(CAMPAIGN_PAUSE_MS);
    campaignsRun = await campaigns3();
  }
  metrics.add("ReconcilerRuns", 1, "Count", {});
  metrics.flush();
  await attempt("end", () => finishRun(deps, holder));
  function share() {
    const until = Math.min(end2, clock.now() + remainingMs * LARGEST_SHARE);
    return () => clock.now() < until;
  }
  async function campaigns3() {
    let run2 = false;
    await attempt("releaseCampaigns", async () => {
      run2 = await releaseCampaigns(deps, share());
    });
    return run2;
  }
  async function attempt(kind2, work, queue) {
    if (clock.now() >= end2) return;
    try {
      await work();
    } catch (error) {
      log.error("reconciling failed", { kind: kind2, queue, code: error instanceof StoreError ? error.code : "Unexpected" });
      metrics.add("ReconcilerFailures", 1, "Count", {});
    }
  }
}
async function begin(deps, holder, until) {
  const lease = await updateItem(
    deps,
    reconcilerKey,
    (stored) => stored && stored.until > deps.clock.now() ? void 0 : { key: reconcilerKey, version: 0, writer: "", holder, until }
  );
  return lease?.holder === holder;
}
async function finishRun(deps, holder) {
  await updateItem(
    deps,
    reconcilerKey,
    (stored) => stored?.holder === holder ? { ...stored, until: 0 } : void 0
  );
}

// lib/vendors/http.ts
var NoAnswer = class extends Error {
  name = "NoAnswer";
  reason;
  /** Whether the request may have left. False is a proof: the connection was never ready to take it. */
  sent;
  constructor({ reason, sent, code }) {
    super(`no answer: ${reason} (${code})`);
    this.reason = reason;
    this.sent = sent;
  }
};
var NotOk = class extends Error {
  name = "NotOk";
  #answer;
  constructor(answer) {
    super(`status ${answer.status}`);
    this.#answer = answer;
  }
  get answer() {
    return this.#answer;
  }
};

// lib/worker/delivery.ts
var isLastReceive = ({ receiveCount }, { receives }) => receiveCount >= receives;
function incoming(record) {
  const { MessageGroupId: group, SequenceNumber: sequence } = record.attributes;
  const attributes2 = Object.entries(record.messageAttributes ?? {}).flatMap(
    ([name, { stringValue }]) => stringValue === void 0 ? [] : [[name, stringValue]]
  );
  return {
    messageId: record.messageId,
    receiptHandle: record.receiptHandle,
    body: record.body,
    ...group === void 0 ? {} : { group },
    ...sequence === void 0 ? {} : { sequence },
    receiveCount: Number(record.attributes.ApproximateReceiveCount),
    sentAt: Number(record.attributes.SentTimestamp),
    attributes: Object.fromEntries(attributes2),
    queueArn: record.eventSourceARN
  };
}

// lib/worker/direct.ts
var isDirect = ({ types }) => Object.values(types).every(({ direct: direct2 }) => direct2 !== void 0);
async function direct({
  deps,
  contract: contract3,
  message
}) {
  if (!isDirect(contract3) || message.attributes[ATTRIBUTE.job] !== void 0) return void 0;
  const { clock, log, ledger } = deps;
  try {
    const envelope = parseEnvelope(message.body);
    const { id: id2 } = envelope;
    if (message.receiveCount > 1) {
      if (await ledger.get(jobKey(contract3.queue, invalidId(message.messageId)))) return "taken";
      const row2 = await ledger.get(jobKey(contract3.queue, id2));
      if (row2?.payloadHash === payloadHash(envelope)) return void 0;
    }
    const type = typeOf(contract3, envelope, clock.now());
    const data5 = await dataOf({ ...deps, queue: contract3.queue }, envelope, type);
    await type.direct?.({ id: id2, data: data5, envelope }, { now: () => clock.now(), log });
    return { acknowledge: true, direct: { id: id2, time: Date.parse(envelope.time) } };
  } catch (error) {
    if (error instanceof StoreError) throw error;
    return error instanceof IdTakenError ? "taken" : void 0;
  }
}

// lib/worker/give-up.ts
var LEAST_MS = 200;
async function orGiveUp({ clock }, { lease, message, deadline }, work) {
  try {
    return await work();
  } catch (error) {
    const inTime = deadline.at - clock.now() > LEAST_MS;
    if (error instanceof StoreError && !(error instanceof LeaseLostError) && inTime) await giveUp(error);
    throw error;
  }
  async function giveUp(error) {
    const at = clock.now();
    const entry = { at, event: "given back", messageId: message.messageId, error: storedError(error) };
    try {
      await lease.abandon((row2) => ({ ...row2, state: "queued", history: appended(row2.history, entry) }));
    } catch (second) {
      if (!(second instanceof StoreError)) throw second;
    }
  }
}

// lib/worker/lease.ts
function createLease(ledger, claimed) {
  const token = claimed.lease?.token;
  let stored = claimed;
  let staged = [];
  let failing2 = false;
  const preview = () => staged.reduce((row2, change) => change(row2), stored);
  async function write3(last) {
    const changes = last ? [...staged, last] : staged;
    for (; ; ) {
      const next = changes.reduce((row2, change) => change(row2), stored);
      failing2 = true;
      const result = await ledger.write(next, stored.version);
      failing2 = false;
      if (result.written) {
        stored = result.item;
        staged = [];
        return stored;
      }
      const now = result.stored;
      if (now?.lease?.token !== token || now === void 0) throw new LeaseLostError();
      stored = now;
    }
  }
  return {
    row: preview,
    stage: (change) => {
      staged = [...staged, change];
    },
    flush: async () => {
      await write3();
    },
    release: (change) => write3((row2) => withoutLease(change(row2))),
    abandon: async (change) => {
      let row2 = stored;
      while (!failing2 && row2 && row2.lease?.token === token) {
        const result = await ledger.write(withoutLease(change(row2)), row2.version);
        if (result.written) return;
        row2 = result.stored;
      }
    }
  };
}
function withoutLease({ lease: _lease, ...row2 }) {
  return row2;
}

// lib/worker/outcome.ts
function outcomes({ objects, clock, prefix, order, settings }, { lease, message, body }) {
  async function leave(change) {
    const { queue, id: id2, bodyKept, canary } = lease.row();
    if (canary) return lease.release((row2) => change({ ...row2, left: appended(row2.left, message.messageId) }));
    if (!bodyKept) await objects.put(bodyKey(prefix, queue, id2), body, "application/json");
    return lease.release((row2) => change({ ...row2, bodyKept: true, left: appended(row2.left, message.messageId) }));
  }
  const noted2 = (row2, event, error, counts = true) => {
    const attempts = row2.attempts + (counts ? 1 : 0);
    const entry = { at: clock.now(), event, messageId: message.messageId, ...counts ? { attempt: attempts } : {} };
    return {
      ...row2,
      attempts,
      silent: 0,
      ...error ? { error } : {},
      history: appended(row2.history, { ...entry, ...error ? { error } : {} })
    };
  };
  return {
    succeed: (result) => lease.release((row2) => {
      const { error: _error, ...rest } = noted2(row2, "succeeded");
      return { ...rest, state: "succeeded", endedAt: clock.now(), ...result === void 0 ? {} : { result } };
    }),
    retry: ({ error, counts, waitMs }) => lease.release((row2) => ({
      ...noted2(row2, "retry", error, counts),
      state: "queued",
      dueAt: clock.now() + waitMs
    })),
    hold: async ({ error, counts, waitMs, reason }) => {
      if (settings(lease.row().queue).ordered) await order.join(lease.row());
      return leave((row2) => ({
        ...noted2(row2, `held (${reason})`, error, counts),
        state: "held",
        reason,
        holds: row2.holds + 1,
        dueAt: clock.now() + waitMs,
        ...error?.vendor ? { vendor: error.vendor } : {}
      }));
    },
    cancel: () => lease.release((row2) => {
      const { error: _error, ...rest } = noted2(row2, "cancelled (operator)", void 0, false);
      const left = appended(row2.left, message.messageId);
      return { ...rest, state: "cancelled", reason: "operator", endedAt: clock.now(), left };
    }),
    park: ({ error, reason, counts }) => leave((row2) => ({
      ...noted2(row2, `dead (${reason})`, error, counts),
      state: "dead",
      reason,
      endedAt: clock.now(),
      parkedFrom: message.messageId
    }))
  };
}

// lib/worker/contract.ts
var LONGEST_CALL_MS = 1e4;
function messageType(type) {
  return type;
}

// lib/worker/steps.ts
var StepUnknownError = class extends AmbiguousError {
  step;
  constructor(step, cause) {
    super({ code: "StepUnknown", message: `nobody can tell whether ${step} took effect`, cause });
    this.step = step;
  }
};
function createSteps({ lease, clock }) {
  const set = (name, step2) => lease.stage((row2) => ({ ...row2, steps: { ...row2.steps, [name]: step2 } }));
  const done = (name, step2, result, confidential = false) => set(name, { ...step2, status: "done", endedAt: clock.now(), ...confidential ? { kept: result } : { result } });
  const forget = (name) => lease.stage((row2) => ({ ...row2, steps: without(row2.steps, name) }));
  async function step(name, options) {
    const before = lease.row().steps[name];
    if (before?.status === "done") {
      const result = before.kept ?? before.result;
      if (!options.stale?.(result, before.endedAt ?? before.startedAt)) return result;
    }
    if (before?.status === "skipped") return void 0;
    const evidence = lease.row().evidence?.[name];
    const proves = options.proven !== void 0 || before?.status === "unknown";
    if (evidence && proves && before?.status !== "done") {
      const result = options.proven?.(evidence);
      done(name, before ?? { status: "done", startedAt: evidence.at }, result, options.confidential);
      return result;
    }
    if (before?.status === "unknown") throw new StepUnknownError(name);
    if (before?.status === "started") {
      const settled2 = await settle2(name, before, options);
      if (settled2) return settled2.result;
    }
    const started = {
      status: "started",
      startedAt: clock.now(),
      ...options.hash ? { hash: options.hash } : {}
    };
    set(name, started);
    await lease.flush();
    try {
      const result = await options.run();
      done(name, started, result, options.confidential);
      return result;
    } catch (error) {
      if (!mayHaveHappened(error)) forget(name);
      else if (!options.settle) throw unknown(name, started, error);
      throw error;
    }
  }
  async function settle2(name, before, options) {
    if (!options.settle) throw unknown(name, before);
    const result = await options.settle();
    if (result === void 0) return void 0;
    done(name, before, result, options.confidential);
    return { result };
  }
  function unknown(name, step2, cause) {
    set(name, {
      ...step2,
      status: "unknown",
      endedAt: clock.now(),
      reason: cause instanceof JobError ? cause.code : "NoAnswer"
    });
    return new StepUnknownError(name, cause);
  }
  return {
    step,
    peek: (name) => lease.row().steps[name],
    found: (name, result) => done(name, { status: "done", startedAt: clock.now() }, result),
    save: () => lease.flush(),
    skip: (name, reason) => {
      const at = clock.now();
      set(name, { status: "skipped", startedAt: lease.row().steps[name]?.startedAt ?? at, endedAt: at, reason });
    }
  };
}
var without = (steps, name) => Object.fromEntries(Object.entries(steps).filter(([key]) => key !== name));
function mayHaveHappened(error) {
  if (!(error instanceof JobError)) return true;
  return error instanceof AmbiguousError || error.cause instanceof AmbiguousError;
}

// lib/worker/decide.ts
var QUICK_RETRIES = 2;
var QUICK_WAIT_MS = 300;
var LONGEST_INSIDE_MS = 15e3;
var SPREAD = 0.1;
var OutOfTimeError = class extends WaitError {
  constructor() {
    super({ code: "OutOfTime", message: "too little time is left in this invocation", waitMs: 0 });
  }
};
var PausedError = class extends WaitError {
  constructor() {
    super({ code: "Paused", message: "the job is paused", waitMs: 0 });
  }
};
var CancelledError = class extends PermanentError {
  constructor() {
    super({ code: "Cancelled", message: "the job is cancelled" });
  }
};
function decide2(situation) {
  const { error, lastReceive, remainingMs } = situation;
  if (error instanceof StepUnknownError) return { kind: "hold", reason: "unknown", waitMs: 0, counts: true };
  if (error instanceof PausedError) return { kind: "hold", reason: "paused", waitMs: 0, counts: false };
  if (error instanceof CancelledError) return { kind: "cancel" };
  if (error instanceof OutOfTimeError) {
    if (lastReceive) return { kind: "hold", reason: "retry", waitMs: 0, counts: false };
    return { kind: "retry", waitMs: 0, counts: false };
  }
  switch (error instanceof JobError ? error.class : "transient") {
    case "permanent":
      return { kind: "park" };
    case "stop":
      return { kind: "hold", reason: "stopped", waitMs: 0, counts: false };
    case "store":
      return { kind: "report" };
    case "wait": {
      const waitMs = error instanceof WaitError ? error.waitMs : 0;
      if (waitMs <= Math.min(remainingMs, LONGEST_INSIDE_MS)) return { kind: "again", waitMs, quick: false };
      return { kind: "hold", reason: "throttled", waitMs, counts: false };
    }
    default:
      return transient(situation);
  }
}
function transient(situation) {
  const { error, attempts, quickRetries, lastReceive, remainingMs, retryWaits, fraction } = situation;
  const askAfterMs = error instanceof AmbiguousError ? error.askAfterMs : 0;
  const quickMs = QUICK_WAIT_MS * 2 ** quickRetries * (0.5 + fraction());
  if (quickRetries < QUICK_RETRIES && askAfterMs <= quickMs && quickMs < remainingMs)
    return { kind: "again", waitMs: quickMs, quick: true };
  const seconds = retryWaits[attempts];
  if (seconds === void 0) return { kind: "park" };
  const waitMs = Math.max(askAfterMs, Math.round(seconds * 1e3 * (1 - SPREAD + 2 * SPREAD * fraction())));
  if (lastReceive) return { kind: "hold", reason: "retry", waitMs, counts: true };
  return { kind: "retry", waitMs, counts: true };
}

// lib/worker/measured-call.ts
function measuredGate(gate, { clock, metrics }) {
  return (vendor, call) => gate(vendor, () => measured(vendor, call));
  async function measured(vendor, call) {
    const startedAt = clock.now();
    const dimensions = { vendor };
    try {
      return await call();
    } catch (error) {
      const name = metricOf(error);
      if (name) metrics.add(name, 1, "Count", dimensions);
      throw error;
    } finally {
      metrics.add("VendorTime", clock.now() - startedAt, "Milliseconds", dimensions);
    }
  }
}
function metricOf(error) {
  if (!(error instanceof JobError)) return "VendorErrors";
  if (error.class === "wait") return error.status === void 0 ? void 0 : "VendorThrottles";
  return error.class === "transient" || error.class === "ambiguous" || error.class === "stop" ? "VendorErrors" : void 0;
}

// lib/worker/vendor-gate.ts
function vendorGate({ flags, job }) {
  return async (vendor, call) => {
    const flag = await flags.read(vendor);
    const stopped = flag?.stoppedAt !== void 0;
    if (stopped && !await mayProbe(flag.probe?.job, vendor))
      throw new StopError({ code: "VendorStopped", message: `${vendor} is stopped (${flag.code})`, vendor });
    const unsettled = stopped || (flag?.transients ?? 0) > 0 || (flag?.forbidden.length ?? 0) > 0;
    let result;
    try {
      result = await call();
    } catch (error) {
      throw await learned({ error, vendor, stopped });
    }
    if (unsettled) await flags.clear(vendor).catch(ignoreStoreError2);
    return result;
  };
  async function mayProbe(probe2, vendor) {
    return probe2 === job || probe2 === ANYONE && await flags.takeProbe(vendor, job);
  }
  async function learned({ error, vendor, stopped }) {
    if (!(error instanceof JobError) || error.vendor !== vendor) return error;
    if (error instanceof StopError) {
      await flags.raise(vendor, error.code);
      return error;
    }
    if (error instanceof PermanentError && error.status === 403) {
      const flag = await flags.forbidden(vendor, job);
      return flag?.stoppedAt === void 0 ? error : stop(vendor, error);
    }
    if (stopped && (error instanceof TransientError || error instanceof AmbiguousError)) return stop(vendor, error);
    if (stopped) await flags.clear(vendor);
    return error;
  }
}
function ignoreStoreError2(error) {
  if (!(error instanceof StoreError)) throw error;
}
var stop = (vendor, cause) => new StopError({
  code: cause.code,
  message: cause.message,
  vendor,
  ...cause.status ? { status: cause.status } : {},
  cause
});

// lib/worker/run.ts
var SHORTEST_CALL_MS = 250;
async function run({ deps, contract: contract3, message, resolved, row: row2, deadline }) {
  const { clock, random, flags, log } = deps;
  const lease = createLease(deps.ledger, row2);
  const end2 = outcomes(deps, { lease, message, body: resolved.body });
  const context2 = {
    steps: createSteps({ lease, clock }),
    vendor: measuredGate(vendorGate({ flags, job: row2.id }), deps),
    callTimeoutMs: (most = LONGEST_CALL_MS) => {
      const left = Math.min(most, deadline.remainingMs());
      if (left < SHORTEST_CALL_MS) throw new OutOfTimeError();
      return left;
    },
    now: () => clock.now(),
    log
  };
  return orGiveUp(deps, { lease, message, deadline }, async () => {
    for (let quickRetries = 0; ; ) {
      try {
        const result = await attempt();
        return await completed(await end2.succeed(result));
      } catch (error) {
        if (error instanceof StoreError) throw error;
        const decision = decide2({
          error,
          attempts: row2.attempts,
          quickRetries,
          lastReceive: isLastReceive(message, deps.settings(contract3.queue)),
          remainingMs: deadline.remainingMs(),
          retryWaits: deps.retryWaits,
          fraction: () => random.fraction()
        });
        if (decision.kind !== "again") return await settle2(error, decision);
        if (decision.quick) quickRetries++;
        await clock.sleep(decision.waitMs);
      }
    }
  });
  async function attempt() {
    if (row2.canary) return void 0;
    const envelope = resolved.envelope ?? (isDirect(contract3) ? resolved.alleged : void 0);
    if (!envelope) throw resolved.problem;
    const type = typeOf(contract3, envelope, clock.now());
    const data5 = await dataOf({ ...deps, queue: contract3.queue }, envelope, type);
    return type.process({ id: envelope.id, data: data5, envelope, row: row2 }, context2);
  }
  async function settle2(thrown, decision) {
    if (decision.kind === "report") throw thrown;
    const disposition = await written(storedError(thrown), decision);
    await countTransient(thrown);
    return disposition;
  }
  async function written(error, decision) {
    if (decision.kind === "cancel") return completed(await end2.cancel());
    if (decision.kind === "park") return completed(await end2.park({ error, reason: "error", counts: true }));
    if (decision.kind === "hold") return { acknowledge: true, row: await end2.hold({ error, ...decision }) };
    return { acknowledge: false, visibilityMs: decision.waitMs, row: await end2.retry({ error, ...decision }) };
  }
  async function countTransient(thrown) {
    if (!(thrown instanceof TransientError || thrown instanceof AmbiguousError) || !thrown.vendor) return;
    await flags.transient(thrown.vendor, thrown.code).catch(ignoreStoreError3);
  }
  async function completed(ended2) {
    const row3 = await finish(deps, ended2, resolved.body).catch((error) => {
      ignoreStoreError3(error);
      log.warn("an end is not complete yet", { queue: ended2.queue, jobId: ended2.id });
      return ended2;
    });
    return { acknowledge: true, row: row3 };
  }
}
function ignoreStoreError3(error) {
  if (!(error instanceof StoreError)) throw error;
}

// lib/worker/deliver.ts
var DAY_MS = 24 * 60 * 6e4;
var SECOND_MS = 1e3;
async function deliver(delivery) {
  const { deps, contract: contract3, message } = delivery;
  const done = await direct(delivery);
  if (done && done !== "taken") return done;
  const found2 = await resolve({ ...deps, queue: contract3.queue }, message);
  const resolved = done ? disowned(found2, invalidId(message.messageId)) : found2;
  try {
    return await dispose(delivery, resolved);
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
    return dispose(delivery, resolved);
  }
}
async function dispose(delivery, resolved) {
  const { deps, contract: contract3, message, deadline } = delivery;
  const claimed = await take(delivery, resolved);
  switch (claimed.kind) {
    case "claimed":
      if (await mustWait(deps, claimed.row)) return holdBehind(delivery, resolved, claimed.row);
      return run({ ...delivery, resolved, row: claimed.row });
    case "crash-loop":
      return parkCrashed2(delivery, resolved, claimed.row);
    case "late":
      deps.log.info("late delivery", { ...facts(delivery, resolved.id), state: claimed.row.state });
      await finish(deps, claimed.row, resolved.body);
      if (!await keepCancelled(deps, claimed.row, resolved.body)) return dispose(delivery, resolved);
      return { acknowledge: true };
    case "suspect":
      return { acknowledge: false, suspect: true };
    case "conflict":
      return dispose(delivery, disowned(resolved, invalidId(message.messageId)));
    case "busy": {
      const waitMs = claimed.until - deps.clock.now() + SECOND_MS;
      if (waitMs <= deadline.remainingMs() && deadline.mayStart()) {
        await deps.clock.sleep(waitMs);
        return dispose(delivery, resolved);
      }
      if (claimed.messageId !== message.messageId && isLastReceive(message, deps.settings(contract3.queue)))
        return { acknowledge: true };
      return { acknowledge: false, visibilityMs: waitMs };
    }
  }
}
function take(delivery, resolved) {
  const { deps, contract: contract3, message, deadline, alone } = delivery;
  const { messageId, group, sequence, receiveCount, sentAt } = message;
  const now = deps.clock.now();
  const key = jobKey(contract3.queue, resolved.id);
  return claim(deps.ledger, {
    key,
    payloadHash: resolved.payloadHash,
    fresh: () => fresh(delivery, resolved),
    delivery: {
      messageId,
      receiveCount,
      sentAt,
      at: now,
      ...group ? { group } : {},
      ...sequence ? { sequence } : {}
    },
    token: deps.random.uuid(),
    alone,
    // By any worker's clock it outlives its function.
    leaseUntil: deadline.at + CLOCK_SKEW_MS,
    maxAttempts: deps.retryWaits.length + 1,
    now: () => deps.clock.now()
  });
}
async function fresh({ deps, contract: contract3, message }, resolved) {
  const { queue } = contract3;
  const { envelope } = resolved;
  const now = deps.clock.now();
  const origin = { queue, group: message.group, now };
  const made2 = envelope ? rowOfEnvelope({ ...origin, envelope }) : blankRow({ ...origin, id: resolved.id, time: message.sentAt, payloadHash: resolved.payloadHash });
  if (now - made2.time < DAY_MS) return made2;
  const record = await deps.objects.get(recordKey(deps.prefix, made2));
  return (record && rowOfRecord(Buffer.from(record).toString("utf8"), made2.key)) ?? made2;
}
async function mustWait({ order, settings }, { queue, group, id: id2 }) {
  if (!settings(queue).ordered || group === void 0) return false;
  const [first = id2] = await order.waiting(queue, group);
  return first !== id2;
}
async function holdBehind(delivery, resolved, row2) {
  const { deps, message } = delivery;
  const lease = createLease(deps.ledger, row2);
  const end2 = outcomes(deps, { lease, message, body: resolved.body });
  const hold = () => end2.hold({ reason: "behind", waitMs: 0, counts: false });
  return { acknowledge: true, row: await orGiveUp(deps, { ...delivery, lease }, hold) };
}
async function parkCrashed2(delivery, resolved, row2) {
  const { deps, message } = delivery;
  const lease = createLease(deps.ledger, row2);
  const failed = row2.silent < CRASH_LOOP_RUNS ? row2.error : void 0;
  const end2 = outcomes(deps, { lease, message, body: resolved.body });
  const park = () => end2.park({ error: failed ?? storedError(crashLoop()), reason: failed ? "error" : "crash", counts: false });
  const ended2 = await orGiveUp(deps, { ...delivery, lease }, park);
  return { acknowledge: true, row: await finish(deps, ended2, resolved.body) };
}
var facts = ({ contract: contract3, message }, jobId2) => ({
  queue: contract3.queue,
  jobId: jobId2,
  messageId: message.messageId,
  group: message.group,
  receiveCount: message.receiveCount
});

// lib/worker/deps.ts
var clamp = (value, low, high) => Math.min(Math.max(value, low), high);
function createDeadline(now, totalMs) {
  const at = now() + totalMs;
  const guard = clamp(totalMs * 0.1, 300, 5e3);
  const start = clamp(totalMs * 0.2, 300, 1e4);
  const remainingMs = () => at - guard - now();
  return { at, remainingMs, mayStart: () => remainingMs() >= start };
}

// lib/worker/batch.ts
async function handleBatch({ deps, contract: contract3, event, remainingMs }) {
  const deadline = createDeadline(() => deps.clock.now(), remainingMs);
  const inOrder = deps.settings(contract3.queue).type === "fifo" && !isDirect(contract3);
  const groups2 = groupBy(
    event.Records.map(incoming),
    (message) => inOrder ? message.group ?? "" : message.messageId
  );
  const handle = (group, alone) => handleGroup({ deps, contract: contract3, group, deadline, alone });
  const first = await Promise.all([...groups2.values()].map((group) => handle(group, event.Records.length === 1)));
  const unfinished = [];
  for (const { pending, suspect } of first)
    unfinished.push(...suspect ? (await handle(pending, true)).pending : pending);
  deps.metrics.flush();
  return { batchItemFailures: unfinished.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}
async function handleGroup({ group, ...rest }) {
  for (const [index, message] of group.entries()) {
    const disposition = await handleMessage({ ...rest, message });
    if (disposition.acknowledge) continue;
    const pending = group.slice(index);
    if ("suspect" in disposition) return { pending, suspect: true };
    for (const follower of pending.slice(1)) await setVisibility(rest.deps, follower, disposition.visibilityMs);
    await setVisibility(rest.deps, message, disposition.visibilityMs);
    return { pending, suspect: false };
  }
  return { pending: [], suspect: false };
}
async function handleMessage({
  deps,
  contract: contract3,
  message,
  deadline,
  alone
}) {
  if (!deadline.mayStart()) return { acknowledge: false, visibilityMs: 0 };
  const returned = message.attributes[ATTRIBUTE.returned] !== void 0;
  if (returned && !alone) return { acknowledge: false, suspect: true };
  const { trials } = deps.ledger;
  if (returned) await trials.begin(contract3.queue, message.messageId);
  const startedAt = deps.clock.now();
  const dlqUrl = () => dlqUrlOfArn(message.queueArn);
  try {
    const disposition = await deliver({ deps: { ...deps, dlqUrl }, contract: contract3, message, deadline, alone });
    if ("suspect" in disposition) return disposition;
    report({ deps, queue: contract3.queue, message, disposition, startedAt });
    return disposition;
  } catch (error) {
    const code = error instanceof StoreError ? error.code : "EngineFailed";
    deps.log.error("a message could not be handled", {
      queue: contract3.queue,
      messageId: message.messageId,
      receiveCount: message.receiveCount,
      code
    });
    countOutcome(deps.metrics, { queue: contract3.queue, name: "JobsRetried", kind: "store" });
    if (returned) await trials.forget(contract3.queue, message.messageId);
    return { acknowledge: false, visibilityMs: deps.storeWait * 1e3 };
  }
}
async function setVisibility(deps, message, ms) {
  const url = queueUrlOfArn(message.queueArn);
  await deps.queues.changeVisibility(url, message.receiptHandle, Math.ceil(ms / 1e3)).catch((error) => {
    if (!(error instanceof StoreError)) throw error;
    deps.log.warn("visibility could not be changed", { messageId: message.messageId, code: error.code });
  });
}

// lib/jobs/order.ts
function createOrder(deps) {
  async function change({ queue, group }, next) {
    if (group === void 0) return;
    const key = orderKey(queue, group);
    await updateItem(deps, key, (stored) => {
      const waiting = next(stored?.waiting ?? []);
      const expiresAt = Math.ceil((deps.clock.now() + ROW_LIFETIME_MS) / 1e3);
      return waiting && { key, version: 0, writer: "", waiting, ...waiting.length === 0 ? { expiresAt } : {} };
    });
  }
  return {
    waiting: async (queue, group) => (await readItem(deps, orderKey(queue, group)))?.waiting ?? [],
    join: (row2) => change(row2, (waiting) => waiting.includes(row2.id) ? void 0 : [...waiting, row2.id]),
    leave: (row2) => change(row2, (waiting) => waiting.includes(row2.id) ? waiting.filter((id2) => id2 !== row2.id) : void 0)
  };
}

// tests/simulation/names.ts
var REGION = "us-east-1";
var ACCOUNT = "000000000000";
var INSTANCE = "sim";
var serviceQueue = ({ queue }) => queue.queue ?? queue.name;
var laneOf = ({ lanes }, name) => lanes.find((lane) => serviceQueue(lane) === name);
var mainQueue = ({ queue, settings }) => queueName(INSTANCE, serviceQueue({ queue }), settings.type);
var deadLetterQueue = ({ queue, settings }) => dlqName(INSTANCE, serviceQueue({ queue }), settings.type);
var urlOf = (name) => queueUrl(REGION, ACCOUNT, name);

// tests/simulation/ports.ts
var short = (url) => url.slice(url.lastIndexOf("/") + 1);
function portsOf(world, process2) {
  const { call, kernel, chance, watch, plan } = world;
  const { table, objects, queues } = world.stores;
  const now = () => kernel.now() + process2.skew;
  const line = (level) => (message, facts2) => {
    if (!process2.alive) return;
    watch.logged(message, facts2);
    world.trace.add({ who: process2.name, what: `log.${level}`, detail: () => `${message} ${JSON.stringify(facts2)}` });
  };
  const receivePart = async (url, { max, ...options }) => {
    const part = chance.between(0, max);
    return part === 0 ? [] : queues.receive(url, { max: part, ...options });
  };
  return {
    clock: {
      now,
      sleep: (ms) => new Promise((resolve2) => {
        kernel.setTimeout(() => process2.alive && resolve2(), Math.max(0, ms));
      })
    },
    random: { uuid: () => chance.uuid(), fraction: () => chance.fraction() },
    log: { info: line("info"), warn: line("warn"), error: line("error") },
    metrics: {
      add: (name, _value, _unit, dimensions) => watch.measured(name, dimensions),
      flush: () => {
      }
    },
    table: {
      get: (key) => call({ process: process2, target: "table", method: "get", effect: () => table.get(key), detail: () => key }),
      put: (item, expected) => call({
        process: process2,
        target: "table",
        method: "put",
        effect: async () => {
          const answer = await table.put(item, expected);
          if (answer === "written") watch.stored(item);
          return answer;
        },
        detail: () => `${item.key} v${expected}+1 ${describe(item)}`
      }),
      delete: (key, expected) => call({
        process: process2,
        target: "table",
        method: "delete",
        effect: () => table.delete(key, expected),
        detail: () => key
      }),
      due: (todo, options) => call({ process: process2, target: "table", method: "due", effect: () => table.due(todo, options), detail: () => todo }),
      count: (todo, options) => call({
        process: process2,
        target: "table",
        method: "count",
        effect: () => table.count(todo, options),
        detail: () => todo
      }),
      hour: (hour, options) => call({ process: process2, target: "table", method: "hour", effect: () => table.hour(hour, options), detail: () => hour })
    },
    objects: {
      put: (key, body, contentType) => call({
        process: process2,
        target: "objects",
        method: "put",
        effect: () => {
          watch.kept(key, body);
          return objects.put(key, body, contentType);
        },
        detail: () => key
      }),
      create: (key, ...object) => call({
        process: process2,
        target: "objects",
        method: "create",
        effect: async () => {
          const answer = await objects.create(key, ...object);
          if (answer === "created") watch.effect("object", key, true);
          return answer;
        },
        detail: () => key
      }),
      get: (key) => call({ process: process2, target: "objects", method: "get", effect: () => objects.get(key), detail: () => key }),
      delete: (key) => call({ process: process2, target: "objects", method: "delete", effect: () => objects.delete(key), detail: () => key }),
      list: (prefix, options) => call({
        process: process2,
        target: "objects",
        method: "list",
        effect: () => objects.list(prefix, options),
        detail: () => prefix
      })
    },
    queues: {
      send: (url, message) => call({
        process: process2,
        target: "queues",
        method: "send",
        effect: async () => {
          const sent = await queues.send(url, message);
          watch.sent(short(url), message, sent);
          return sent;
        },
        detail: () => `${short(url)} group ${message.groupId} deduplication ${message.deduplicationId}`
      }),
      receive: (url, options) => call({
        process: process2,
        target: "queues",
        method: "receive",
        effect: () => plan.approximate ? receivePart(url, options) : queues.receive(url, options),
        detail: () => short(url)
      }),
      changeVisibility: (url, receiptHandle, seconds) => call({
        process: process2,
        target: "queues",
        method: "changeVisibility",
        effect: () => queues.changeVisibility(url, receiptHandle, seconds),
        detail: () => `${messageOf(receiptHandle)} ${seconds} s`
      }),
      delete: (url, receiptHandle) => call({
        process: process2,
        target: "queues",
        method: "delete",
        effect: () => queues.delete(url, receiptHandle),
        detail: () => `${short(url)} ${messageOf(receiptHandle)}`
      }),
      depth: (url) => call({
        process: process2,
        target: "queues",
        method: "depth",
        effect: async () => {
          const { visible, inFlight } = await queues.depth(url);
          return { visible: plan.approximate ? Math.max(0, visible + chance.between(-1, 1)) : visible, inFlight };
        },
        detail: () => short(url)
      })
    }
  };
}
var messageOf = (receiptHandle) => Buffer.from(receiptHandle, "base64").toString().split(" ")[1]?.slice(-4) ?? "";
function describe(item) {
  const { state, reason, attempts, silent, steps } = item;
  if (state === void 0) return "";
  const taken2 = Object.entries(steps ?? {}).map(
    ([name, { status }]) => `${name}:${status}`
  );
  return `${state}${reason ? `(${reason})` : ""} attempts ${attempts} silent ${silent} ${taken2.join(" ")}`;
}

// tests/simulation/engine.ts
function workerPorts(world, process2, event) {
  const ports = portsOf(world, process2);
  return world.mutant?.ports?.(ports, { world, event }) ?? ports;
}
function workerDeps(world, ports) {
  const { table, clock, random, objects, queues, log, metrics } = ports;
  const settings = (queue) => laneOf(world, queue).settings;
  const base = { table, clock, random };
  return {
    clock,
    random,
    objects,
    queues,
    log,
    metrics,
    ledger: createLedger({ ...base, settings }),
    order: createOrder(base),
    flags: vendorFlags(base),
    bucket: "bucket",
    prefix: "jobs",
    retryWaits: [60, 900],
    storeWait: 900,
    settings
  };
}
function reconcilerDeps(world, ports) {
  return {
    ...workerDeps(world, ports),
    table: ports.table,
    ...world.plan.share === void 0 ? {} : { share: world.plan.share },
    queueNames: world.lanes.map(serviceQueue),
    queueUrl: (queue) => urlOf(mainQueue(laneOf(world, queue))),
    dlqUrl: (queue) => urlOf(deadLetterQueue(laneOf(world, queue)))
  };
}

// tests/simulation/queues/analytics.ts
var import_node_util = require("node:util");
var import_node_zlib3 = require("node:zlib");

// lib/analytics/message.ts
var import_zod3 = require("zod");
var ANALYTICS_QUEUE = "analytics";
var ANALYTICS_EVENTS = "analytics.events.v1";
var MOST_EVENTS = 1e4;
var analyticsSchema = import_zod3.z.strictObject({ events: import_zod3.z.array(import_zod3.z.unknown()).min(1).max(MOST_EVENTS) });

// lib/analytics/keys.ts
var DATA_SUFFIX = ".ndjson.gz";
var partition = (prefix, what, time) => hourPartition(`${prefix}/${ANALYTICS_QUEUE}${what}`, time);
var dataPartition = (prefix, time) => partition(prefix, "", time);
var rejectedPartition = (prefix, time) => partition(prefix, "-rejected", time);
var manifestPartition = (prefix, time) => partition(prefix, "-manifests", time);
var dataKey = (prefix, { time, id: id2 }) => `${dataPartition(prefix, time)}${id2}${DATA_SUFFIX}`;
var rejectedKey = (prefix, { time, id: id2 }) => `${rejectedPartition(prefix, time)}${id2}${DATA_SUFFIX}`;

// lib/analytics/encode.ts
var import_node_zlib = require("node:zlib");

// lib/analytics/event.ts
var DAY_MS2 = 24 * 60 * 6e4;
var OLDEST_MS = 90 * DAY_MS2;
var NEWEST_MS = DAY_MS2;
var MOST_PROPERTIES = 100;
var LONGEST_TEXT = 2e3;
var LONGEST_ID = 128;
var FIELDS = /* @__PURE__ */ new Set(["id", "name", "time", "user", "session", "device", "properties", "schema"]);
var ID = /^[\w.:-]{1,64}$/;
var NAME = /^[A-Za-z][\w.:/ -]{0,99}$/;
var KEY = /^[A-Za-z_$][\w.$ -]{0,63}$/;
var TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
var PLAIN = /^[\x20-\x7e]{1,128}$/;
var CONTROLS = /[\u0000-\u001f\u007f]/;
var problem = (field, rule2) => ({ field, rule: rule2 });
function problemOf(event, jobTime) {
  if (!isRecord(event)) return problem("", "must be an object");
  for (const field in event) if (!FIELDS.has(field)) return problem("", "has an unknown field");
  const { id: id2, name, time, properties, schema: schema2 } = event;
  if (typeof id2 !== "string" || !ID.test(id2)) return problem("id", "must be 1 to 64 letters, digits or _.:-");
  if (typeof name !== "string" || !NAME.test(name))
    return problem("name", "must be 1 to 100 letters, digits, spaces or _.:/- and start with a letter");
  return timeProblem(time, jobTime) ?? personProblem("user", event.user) ?? personProblem("session", event.session) ?? personProblem("device", event.device) ?? (schema2 === void 0 || Number.isSafeInteger(schema2) && schema2 >= 1 ? void 0 : problem("schema", "must be a whole number from 1")) ?? propertiesProblem(properties);
}
function timeProblem(time, jobTime) {
  const at = typeof time === "string" && TIME.test(time) ? parsed(time) : Number.NaN;
  if (Number.isNaN(at)) return problem("time", "must be an ISO 8601 date and time with Z or an offset");
  if (at < jobTime - OLDEST_MS) return problem("time", "must be at most 90 days in the past");
  if (at > jobTime + NEWEST_MS) return problem("time", "must be at most a day in the future");
  return void 0;
}
var day = { text: "", at: Number.NaN };
function parsed(time) {
  if (time.length !== "2026-01-02T03:04:05.678Z".length) return Date.parse(time);
  const [hours, minutes, seconds] = [twoDigits(time, 11), twoDigits(time, 14), twoDigits(time, 17)];
  if (hours > 23 || minutes > 59 || seconds > 59) return Date.parse(time);
  if (!time.startsWith(day.text) || day.text === "") {
    const text2 = time.slice(0, 10);
    day = { text: text2, at: Date.parse(`${text2}T00:00:00.000Z`) };
  }
  const milliseconds = 10 * twoDigits(time, 20) + time.charCodeAt(22) - ZERO;
  return day.at + ((hours * 60 + minutes) * 60 + seconds) * 1e3 + milliseconds;
}
var ZERO = 48;
var twoDigits = (text2, at) => 10 * (text2.charCodeAt(at) - ZERO) + text2.charCodeAt(at + 1) - ZERO;
function personProblem(field, value) {
  if (value === void 0 || typeof value === "string" && PLAIN.test(value)) return void 0;
  const ok = typeof value === "string" && value.length >= 1 && value.length <= LONGEST_ID && !CONTROLS.test(value) && value.isWellFormed();
  return ok ? void 0 : problem(field, "must be 1 to 128 characters of well-formed Unicode without controls");
}
function propertiesProblem(properties) {
  if (properties === void 0) return void 0;
  if (!isRecord(properties)) return problem("properties", "must be an object");
  let count2 = 0;
  for (const key in properties) {
    if (++count2 > MOST_PROPERTIES) return problem("properties", "must have at most 100 fields");
    if (!isKey(key))
      return problem(
        "properties",
        "must have names of 1 to 64 letters, digits, spaces or _.$- that start with a letter, _ or $"
      );
    const rule2 = valueRule(properties[key]);
    if (rule2) return problem(`properties.${key}`, rule2);
  }
  return void 0;
}
var keys = /* @__PURE__ */ new Set();
var MOST_KEYS = 1e3;
function isKey(key) {
  if (keys.has(key)) return true;
  if (!KEY.test(key)) return false;
  if (keys.size < MOST_KEYS) keys.add(key);
  return true;
}
function valueRule(value) {
  if (typeof value === "string") {
    if (value.length > LONGEST_TEXT) return "must be at most 2000 characters";
    if (!value.isWellFormed()) return "must be well-formed Unicode";
    return value.includes("\0") ? "must not hold the character NUL" : void 0;
  }
  if (typeof value === "number") return Number.isFinite(value) ? void 0 : "must be a finite number";
  return typeof value === "boolean" || value === null ? void 0 : "must be text, a number, true, false or null";
}
var isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// lib/analytics/line-buffer.ts
var FIRST_BYTES = 1024 * 1024;
var MOST_BYTES = 3;
function createLines() {
  let buffer = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  let end2 = 0;
  let count2 = 0;
  function reserve(bytes) {
    if (end2 + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * buffer.length, end2 + bytes));
    buffer.copy(larger, 0, 0, end2);
    buffer = larger;
  }
  return {
    begin(members) {
      tail = Buffer.from(`,${members}}
`);
      end2 = 0;
      count2 = 0;
    },
    add(json) {
      reserve(json.length * MOST_BYTES + tail.length);
      const brace = end2 + buffer.write(json, end2) - 1;
      buffer.set(tail, brace);
      end2 = brace + tail.length;
      count2++;
    },
    count: () => count2,
    bytes: () => buffer.subarray(0, end2)
  };
}

// lib/analytics/encode.ts
var GZIP = { level: 5, memLevel: 9 };
var acceptedLines = createLines();
var rejectedLines = createLines();
function encodeBatch(envelope, events) {
  const jobTime = Date.parse(envelope.time);
  const origin = originOf(envelope);
  const seen = /* @__PURE__ */ new Set();
  const names = /* @__PURE__ */ new Map();
  acceptedLines.begin(origin);
  rejectedLines.begin(origin);
  for (let index = 0; index < events.length; index++) {
    const event = events[index];
    const problem2 = problemOf(event, jobTime) ?? repeated(event, seen);
    if (problem2) {
      rejectedLines.add(rejection(event, problem2, index));
      continue;
    }
    const { id: id2, name } = event;
    seen.add(id2);
    names.set(name, (names.get(name) ?? 0) + 1);
    acceptedLines.add(JSON.stringify(event));
  }
  const [accepted, rejected] = [encoded(acceptedLines), encoded(rejectedLines)];
  return { names, ...accepted && { accepted }, ...rejected && { rejected } };
}
var encoded = (lines2) => lines2.count() === 0 ? void 0 : { bytes: (0, import_node_zlib.gzipSync)(lines2.bytes(), GZIP), events: lines2.count() };
function originOf({ id: id2, source, partitionkey, sequence }) {
  const members = {
    job: id2,
    source,
    group: partitionkey ?? null,
    sequence: sequence === void 0 ? null : Number(sequence)
  };
  return JSON.stringify(members).slice(1, -1);
}
function repeated(event, seen) {
  if (!seen.has(event.id)) return void 0;
  return { field: "id", rule: "must not repeat an id of the same message" };
}
function rejection(event, { field, rule: rule2 }, index) {
  const path = `data.events.${index}${field === "" ? "" : `.${field}`}`;
  return `${JSON.stringify({ field: path, rule: rule2 }).slice(0, -1)},"event":${textOf(event)}}`;
}
function textOf(event) {
  try {
    return JSON.stringify(event);
  } catch (error) {
    if (error instanceof RangeError) return "null";
    throw error;
  }
}

// lib/analytics/manifest.ts
async function readManifests({ objects, prefix }, hour) {
  const moved = /* @__PURE__ */ new Map();
  for (const key of await objects.list(manifestPartition(prefix, hour)))
    for (const entry of entriesOf(await objects.get(key))) moved.set(entry.job, entry);
  return moved;
}
var entriesOf = (bytes) => Buffer.from(bytes ?? []).toString("utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));

// lib/analytics/once.ts
var import_node_zlib2 = require("node:zlib");
async function writeOnce(objects, key, { bytes, metadata }) {
  if (await objects.create(key, bytes, "application/gzip", metadata) === "created") return;
  const stored = await objects.get(key);
  if (!stored) throw new StoreError({ code: "ObjectGone", message: "an object was removed just now" });
  if (!hasLines(stored, (0, import_node_zlib2.gunzipSync)(bytes))) throw new IdTakenError();
}
function refuseOther({ sha256: compacted }, { bytes }) {
  if (sha256((0, import_node_zlib2.gunzipSync)(bytes)) !== compacted) throw new IdTakenError();
}
function hasLines(stored, lines2) {
  try {
    return (0, import_node_zlib2.gunzipSync)(stored).equals(lines2);
  } catch {
    return false;
  }
}

// lib/analytics/process.ts
var HOUR_MS = 60 * 6e4;
function analyticsContract(deps) {
  const work = ({ data: data5, envelope }, { now }) => store2(deps, { data: data5, envelope, now });
  return {
    queue: ANALYTICS_QUEUE,
    vendors: [],
    types: { [ANALYTICS_EVENTS]: messageType({ schema: analyticsSchema, process: work, direct: work }) }
  };
}
async function store2(deps, { data: data5, envelope, now }) {
  const place = { time: Date.parse(envelope.time), id: envelope.id };
  const encoded2 = encodeBatch(envelope, data5.events);
  const { accepted, rejected } = encoded2;
  const compacted = accepted !== void 0 && await isCompacted(deps, place, { accepted, now: now() });
  if (accepted && !compacted) await write2(deps.objects, dataKey(deps.prefix, place), { encoded: accepted, envelope });
  if (rejected) await write2(deps.objects, rejectedKey(deps.prefix, place), { encoded: rejected, envelope });
  measure2(deps, { ...encoded2, lagMs: now() - place.time });
  return { accepted: accepted?.events ?? 0, rejected: rejected?.events ?? 0, ...compacted && { compacted } };
}
async function isCompacted(deps, { time, id: id2 }, { accepted, now }) {
  if (now < Math.floor(time / HOUR_MS) * HOUR_MS + HOUR_MS) return false;
  const entry = (await readManifests(deps, time)).get(id2);
  if (entry) refuseOther(entry, accepted);
  return entry !== void 0;
}
var write2 = (objects, key, { encoded: { bytes, events }, envelope }) => {
  const { id: id2, source, partitionkey = "", sequence = "" } = envelope;
  const metadata = { job: id2, source: ascii(source), group: ascii(partitionkey), sequence, events: String(events) };
  return writeOnce(objects, key, { bytes, metadata });
};
var ascii = (text2) => text2.replace(/[^\x20-\x7e]/g, "?");
function measure2({ metrics, names: known2 }, {
  accepted,
  rejected,
  names,
  lagMs
}) {
  const dimensions = { queue: ANALYTICS_QUEUE };
  metrics.add("EventsAccepted", accepted?.events ?? 0, "Count", dimensions);
  metrics.add("EventsRejected", rejected?.events ?? 0, "Count", dimensions);
  metrics.add("BytesStored", (accepted?.bytes.length ?? 0) + (rejected?.bytes.length ?? 0), "Bytes", dimensions);
  metrics.add("TimeToStore", lagMs, "Milliseconds", dimensions);
  for (const [name, count2] of names)
    if (known2.has(name)) metrics.add("EventsAccepted", count2, "Count", { ...dimensions, event: name });
}

// tests/simulation/watch.ts
var MARK = "zq7private";

// tests/simulation/killers.ts
var DEADLY_CHUNK = 1;
var isTextOf = (killer, text2) => text2.includes(`chunk-${killer}`) ? text2.includes(`"number":${DEADLY_CHUNK},`) : text2.includes(killer);
var isKillerAfter = (envelope) => isTextOf("kills-after", JSON.stringify(envelope));

// tests/simulation/queues/killers.ts
function withKillers(process2, contract3) {
  const deadly = (work) => (...given) => {
    if (!isKillerAfter(given[0].envelope)) return work(...given);
    process2.die("killed by a job");
    return new Promise(() => {
    });
  };
  const types = Object.entries(contract3.types).map(([name, type]) => [
    name,
    { ...type, process: deadly(type.process), ...type.direct ? { direct: deadly(type.direct) } : {} }
  ]);
  return { ...contract3, types: Object.fromEntries(types) };
}

// tests/simulation/queues/analytics.ts
var EVENTS = 2;
var eventIds = (index) => Array.from({ length: EVENTS }, (_, n) => `event-${index}-${n}`);
var data = ({ kind: kind2 }, index, time = Date.UTC(2026, 0, 2)) => ({
  events: eventIds(index).map((id2) => ({
    id: id2,
    name: "screen_viewed",
    time: new Date(time).toISOString(),
    user: `${MARK}-user`,
    properties: { kind: kind2 },
    schema: 1
  }))
});
var idOf = (key) => sha256(key).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-4$3-8$4-$5");
var timeOf = ({ plan }, { at }) => plan.start + at;
var analytics = {
  name: ANALYTICS_QUEUE,
  settings: {
    type: "fifo",
    retention: 604800,
    dlqRetention: 1209600,
    visibility: 120,
    receives: 3,
    ordered: false
  },
  functionTimeoutMs: 2e4,
  batches: [10, 3, 1],
  // An id that is stolen before its own message is handled takes the place of that one: no row says whose it is.
  kinds: [
    ...["good", "newer", "kills-before", "kills-after"],
    ...["not-json", "no-envelope", "bad-data", "unknown-version", "copy"]
  ],
  type: ANALYTICS_EVENTS,
  newerType: "analytics.events.v2",
  contract: (_world, process2, { objects, metrics }) => withKillers(process2, analyticsContract({ objects, metrics, prefix: "jobs", names: /* @__PURE__ */ new Set() })),
  data: (spec, index) => data(spec, index),
  group: ({ group }) => `shard-${group}`,
  submit: async ({ queues, queueUrl: queueUrl2 }, { spec, index, key, type }, world) => {
    const id2 = idOf(key);
    const group = analytics.group(spec);
    const body = JSON.stringify({
      ...{ specversion: "1.0", id: id2, type, source: "/sim/tracker", time: new Date(timeOf(world, spec)).toISOString() },
      ...{ sequence: String(index + 1), partitionkey: group, data: data(spec, index, timeOf(world, spec)) }
    });
    await queues.send(queueUrl2(ANALYTICS_QUEUE), {
      body,
      groupId: group,
      deduplicationId: deduplicationId.sent(id2)
    });
    return { id: id2 };
  },
  isDoneWithout: (world, id2, spec, index) => analytics.wrong(world, id2, spec, index) === void 0,
  wrong: (world, id2, spec, index) => {
    const objects = world.stores.objects;
    const key = dataKey("jobs", { time: timeOf(world, spec), id: id2 });
    if (!objects.keys().includes(key)) return "there is no object";
    const lines2 = (0, import_node_zlib3.gunzipSync)(objects.bytes(key)).toString("utf8").split("\n").filter(Boolean);
    const ids = lines2.map((line) => JSON.parse(line).id);
    return (0, import_node_util.isDeepStrictEqual)(ids, eventIds(index)) ? void 0 : "its object holds other events";
  }
};

// tests/simulation/queues/bulk.ts
var import_zod4 = require("zod");

// lib/producer/errors.ts
var InvalidJobError = class extends Error {
  name = "InvalidJobError";
  problems;
  constructor(problems) {
    super(problems.map(({ message }) => message).join("; "));
    this.problems = problems;
  }
};
var IdempotencyConflictError = class extends Error {
  name = "IdempotencyConflictError";
  id;
  constructor(id2) {
    super("the idempotency key was used for a job with other data");
    this.id = id2;
  }
};

// lib/producer/job-id.ts
var import_node_crypto2 = require("node:crypto");
var import_uuid2 = require("uuid");
var NAMESPACE2 = "b3f7c1de-5a0e-4a6b-9a55-6d0f3a2c9e41";
function jobId({
  queue,
  key,
  principal = "",
  clock,
  random
}) {
  if (key !== void 0) return (0, import_uuid2.v5)(JSON.stringify([queue, principal, key]), NAMESPACE2);
  return (0, import_uuid2.v7)({ msecs: clock.now(), random: (0, import_node_crypto2.createHash)("sha256").update(random.uuid()).digest().subarray(0, 16) });
}

// lib/producer/submit.ts
async function submit(deps, submission) {
  const { clock, random, ledger } = deps;
  const { queue, group } = submission;
  const id2 = submission.id ?? jobId({ ...submission, clock, random });
  const envelope = await envelopeOf(deps, submission, id2);
  const row2 = newRow({ queue, envelope, ...group === void 0 ? {} : { group }, now: clock.now(), random });
  const written = await ledger.write(row2, 0);
  if (written.written) {
    await send3(deps, written.item, envelope);
    return { id: id2, time: envelope.time, duplicate: false };
  }
  const first = written.stored;
  if (!first) throw new StoreError({ code: "RowGone", message: "the row of this key was removed just now" });
  if (first.payloadHash !== row2.payloadHash) throw new IdempotencyConflictError(id2);
  const time = new Date(first.time).toISOString();
  if (mayBeUnsent(first)) await send3(deps, first, { ...envelope, time });
  return { id: id2, time, duplicate: true };
}
function mayBeUnsent({ state, reason, sentAt }) {
  return state === "queued" && sentAt === void 0 || state === "cancelled" && reason === "never-sent";
}
async function envelopeOf(deps, submission, id2) {
  const { queue, type, data: data5, correlationId, traceparent } = submission;
  const head = {
    specversion: "1.0",
    id: id2,
    type,
    source: deps.source,
    time: new Date(deps.clock.now()).toISOString(),
    datacontenttype: "application/json",
    ...correlationId === void 0 ? {} : { correlationid: correlationId },
    ...traceparent === void 0 ? {} : { traceparent }
  };
  const json = JSON.stringify(data5 ?? null);
  if (Buffer.byteLength(json) <= MAX_INLINE_DATA_BYTES) return { ...head, data: data5 };
  const datasha256 = sha256(json);
  const dataref = `${dataPrefix(deps.prefix, queue)}${id2}/${datasha256}`;
  await deps.objects.put(dataref, json, "application/json");
  return { ...head, dataref, datasha256 };
}
async function send3(deps, row2, envelope) {
  const { queues, ledger, clock, log } = deps;
  const fifo = deps.settings(row2.queue).type === "fifo";
  const { messageId } = await queues.send(deps.queueUrl(row2.queue), {
    body: JSON.stringify(envelope),
    ...fifo ? { groupId: row2.group ?? row2.id, deduplicationId: deduplicationId.sent(row2.id) } : {}
  });
  log.info("accepted", { queue: row2.queue, jobId: row2.id, messageId });
  if (row2.state !== "queued") return;
  const sentAt = clock.now();
  const history = appended(row2.history, { at: sentAt, event: "sent", messageId });
  try {
    await ledger.write({ ...row2, sentAt, history }, row2.version);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn("not marked as sent", { queue: row2.queue, jobId: row2.id, code: error.code });
  }
}

// tests/simulation/queues/submitted.ts
var submitted = (deps, { group, ...job }) => submit({ ...deps, ledger: createLedger(deps) }, { ...job, ...group === void 0 ? {} : { group } });

// tests/simulation/queues/bulk.ts
var schema = import_zod4.z.strictObject({ kind: import_zod4.z.string(), index: import_zod4.z.number(), note: import_zod4.z.string() });
function bulk(name, type) {
  const data5 = ({ kind: kind2 }, index) => ({ kind: kind2, index, note: `${MARK} note` });
  return {
    name,
    settings: { type, retention: 604800, dlqRetention: 1209600, visibility: 180, receives: 3, ordered: false },
    functionTimeoutMs: 3e4,
    batches: [10, 3, 1],
    kinds: [
      ...["good", "newer", "kills-before", "kills-after", "refused", "fails", "falters"],
      ...["not-json", "no-envelope", "bad-data", "unknown-version", "stolen-id", "copy"]
    ],
    type: `${name}.item.v1`,
    newerType: `${name}.item.v2`,
    contract: (world, process2) => withKillers(process2, contract(world, process2, name)),
    data: data5,
    group: ({ group }) => `group-${group}`,
    submit: (deps, { spec, index, key, type: type2 }) => submitted(deps, { queue: name, type: type2, data: data5(spec, index), group: `group-${spec.group}`, key }),
    wrong: ({ watch }, id2) => watch.effects.has(id2) ? void 0 : "its effect never took place"
  };
}
function contract(world, process2, queue) {
  return {
    queue,
    vendors: [],
    types: {
      [`${queue}.item.v1`]: messageType({
        schema,
        process: async ({ id: id2, data: data5, row: row2 }, { steps, callTimeoutMs }) => {
          if (data5.kind === "refused") throw new PermanentError({ code: "Refused", message: "refused for good" });
          if (data5.kind === "fails" || data5.kind === "falters" && row2.attempts === 0)
            throw new TransientError({ code: "Failed", message: "the service failed" });
          await steps.step("apply", {
            settle: async () => void 0,
            run: () => apply(world, process2, { id: id2, timeoutMs: callTimeoutMs() })
          });
          return void 0;
        }
      })
    }
  };
}
function apply(world, process2, { id: id2, timeoutMs }) {
  return world.call({
    process: process2,
    target: "bulk",
    method: "apply",
    timeoutMs,
    effect: () => {
      world.watch.effect("item", id2, false);
      return "applied";
    }
  }).catch((error) => {
    throw new TransientError({ code: "Failed", message: "the service failed", cause: error });
  });
}
var bulkFifo = bulk("bulk", "fifo");
var bulkStandard = bulk("bulk-standard", "standard");

// lib/emails/message.ts
var import_zod7 = require("zod");

// lib/text.ts
var import_zod5 = require("zod");
var NO_CONTROLS = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/;
var NO_CONTROLS_BUT_LINES = /^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$/;
var text = (pattern, rule2) => import_zod5.z.string().regex(pattern, rule2).refine((value) => value.isWellFormed(), "must be well-formed Unicode").refine((value) => value.trim() !== "", "must not be blank");
var singleLine = (max) => text(NO_CONTROLS, "must not hold control characters or line breaks").max(max);
var multiLine = (maxBytes) => text(NO_CONTROLS_BUT_LINES, "must not hold control characters other than line breaks and tabs").refine(
  (value) => Buffer.byteLength(value) <= maxBytes,
  `must be at most ${maxBytes} bytes of UTF-8`
);

// lib/emails/template-data.ts
var import_zod6 = require("zod");
var MAX_DATA_BYTES = 1e4;
var MAX_DEPTH = 8;
function shallow(value, depth) {
  if (typeof value !== "object" || value === null) return true;
  if (depth === 0) return false;
  for (const name in value) if (!shallow(value[name], depth - 1)) return false;
  return true;
}
function isRecord3(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
var templateData = import_zod6.z.custom(isRecord3, "must be an object").refine((value) => shallow(value, MAX_DEPTH), `must not be nested more than ${MAX_DEPTH} deep`).refine(
  (value) => !shallow(value, MAX_DEPTH) || Buffer.byteLength(JSON.stringify(value)) <= MAX_DATA_BYTES,
  `must be at most ${MAX_DATA_BYTES} bytes of JSON`
);

// lib/emails/message.ts
var EMAILS_QUEUE = CAMPAIGN_QUEUE;
var EMAIL_MESSAGE = "email.message.v1";
var EMAIL_CAMPAIGN = "email.campaign.v1";
var MAX_BODY_BYTES = 512 * 1024;
var MAX_CATEGORIES = 10;
var emailAddress = import_zod7.z.email().max(254);
var person = import_zod7.z.strictObject({ email: emailAddress, name: singleLine(100).optional() });
var templateId = import_zod7.z.string().regex(/^d-[0-9a-f]{32}$/, "must be a dynamic template id (d-\u2026)");
var hashOf = import_zod7.z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hex");
var s3Key = import_zod7.z.string().min(1).max(1024);
var contentShape = {
  from: person,
  replyTo: person.optional(),
  templateId: templateId.optional(),
  subject: singleLine(255).optional(),
  text: multiLine(MAX_BODY_BYTES).optional(),
  html: multiLine(MAX_BODY_BYTES).optional(),
  /** For the vendor's statistics: no personal data, SendGrid keeps them in the clear. */
  categories: import_zod7.z.array(singleLine(255)).max(MAX_CATEGORIES).refine((names) => new Set(names).size === names.length, "must not repeat a category").optional()
};
function checkWords({ templateId: template, subject, text: text2, html }, context2) {
  const issue = (field, message) => context2.addIssue({ code: "custom", path: [field], message });
  if (template !== void 0) {
    if (text2 !== void 0 || html !== void 0) issue("templateId", "must not stand beside text or html");
    return;
  }
  if (subject === void 0) issue("subject", "must be there where there is no templateId");
  if (text2 === void 0 && html === void 0) issue("text", "must be there, or html, where there is no templateId");
}
var unsubscribe = import_zod7.z.union([
  import_zod7.z.strictObject({ group: import_zod7.z.int().positive(), groupsToDisplay: import_zod7.z.array(import_zod7.z.int().positive()).max(25).optional() }),
  import_zod7.z.strictObject({
    link: import_zod7.z.string().max(1e3).regex(/^https:\/\/[^\s<>"]+$/, "must be an https link")
  })
]);
var campaignContentSchema = import_zod7.z.strictObject({ ...contentShape, unsubscribe: unsubscribe.optional() }).superRefine(checkWords);
var campaignSchema = import_zod7.z.strictObject({
  ...contentShape,
  unsubscribe: unsubscribe.optional(),
  /** For people who read rows and reports; no personal data. */
  name: singleLine(100).optional(),
  /** Nothing is sent before (ISO 8601, with a zone). */
  sendAt: import_zod7.z.iso.datetime({ offset: true }).optional()
}).superRefine(checkWords);
var count = import_zod7.z.int().nonnegative();
var campaignJobSchema = import_zod7.z.strictObject({
  name: singleLine(100).optional(),
  sendAt: import_zod7.z.iso.datetime({ offset: true }).optional(),
  manifest: import_zod7.z.strictObject({ key: s3Key, sha256: hashOf }),
  requested: count,
  duplicates: count,
  rejected: count,
  recipients: import_zod7.z.int().positive(),
  chunks: import_zod7.z.int().positive(),
  chunkSize: import_zod7.z.int().positive().max(1e3)
});
var chunkJobSchema = import_zod7.z.strictObject({
  campaign: import_zod7.z.uuid(),
  number: import_zod7.z.int().nonnegative(),
  recipients: import_zod7.z.int().positive().max(1e3)
});
var emailMessageSchema = import_zod7.z.strictObject({ ...contentShape, to: person, data: templateData.optional() }).superRefine(checkWords).refine(({ data: data5, templateId: template }) => data5 === void 0 || template !== void 0, {
  path: ["data"],
  message: "must not be there where there is no templateId"
});

// lib/emails/recipients.ts
var import_sync = require("csv-parse/sync");

// lib/emails/invalid-recipients.ts
var InvalidRecipientsError = class extends Error {
  name = "InvalidRecipientsError";
};

// lib/emails/recipients.ts
var MAX_LINE_BYTES = 64 * 1024;
var BATCH2 = 200;
async function* fromIterable(recipients) {
  let line = 0;
  let batch = [];
  for await (const value of recipients) {
    batch.push({ line: ++line, value });
    if (batch.length < BATCH2) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
async function* fromNdjson(bytes) {
  for await (const batch of lines(bytes)) yield batch.map(parsed2);
}
function parsed2({ line, text: text2 }) {
  if (Buffer.byteLength(text2) > MAX_LINE_BYTES) return { line, broken: "the line is too long" };
  try {
    return { line, value: JSON.parse(text2) };
  } catch {
    return { line, broken: "the line is not JSON" };
  }
}
var PIECE = 4 * 1024;
async function* pieces(bytes) {
  for await (const chunk of bytes)
    for (let from = 0; from < chunk.length; from += PIECE)
      yield typeof chunk === "string" ? chunk.slice(from, from + PIECE) : chunk.subarray(from, from + PIECE);
}
async function* lines(bytes) {
  const decoder = new TextDecoder();
  let rest = "";
  let line = 0;
  for await (const chunk of pieces(bytes)) {
    const texts = (rest + (typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true }))).split("\n");
    rest = texts.pop() ?? "";
    if (rest.length > 2 * MAX_LINE_BYTES) rest = rest.slice(0, 2 * MAX_LINE_BYTES);
    for (let from = 0; from < texts.length; from += BATCH2) {
      const batch = numbered(texts.slice(from, from + BATCH2), line + from);
      if (batch.length > 0) yield batch;
    }
    line += texts.length;
  }
  const last = numbered([rest + decoder.decode()], line);
  if (last.length > 0) yield last;
}
var numbered = (texts, before) => texts.flatMap(
  (text2, index) => text2.trim() === "" ? [] : [{ line: before + index + 1, text: text2.endsWith("\r") ? text2.slice(0, -1) : text2 }]
);
var BROKEN = {
  CSV_QUOTE_NOT_CLOSED: "a quoted value does not end in its row",
  CSV_INVALID_CLOSING_QUOTE: "a quoted value goes on after its closing quote",
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: "a quoted value goes on after its closing quote",
  INVALID_OPENING_QUOTE: "a quote stands inside a value that is not quoted"
};
async function* fromCsv(bytes) {
  let header;
  for await (const batch of lines(bytes)) {
    const all = rows(batch.map(({ text: text2 }) => text2));
    const reads = [];
    for (const [index, { line }] of batch.entries()) {
      const values = all[index] ?? "";
      if (header === void 0) header = checkedHeader(values);
      else if (typeof values === "string") reads.push({ line, broken: values });
      else if (values.length !== header.length)
        reads.push({
          line,
          broken: `the row must have ${header.length} values like the header, has ${values.length}`
        });
      else reads.push({ line, value: ofColumns(header, values) });
    }
    if (reads.length > 0) yield reads;
  }
}
var parseRows = (text2) => (0, import_sync.parse)(text2, { bom: true, trim: true, record_delimiter: "\n", relax_column_count: true });
function plainRow(text2) {
  const values = text2.split(",");
  for (let column = 0; column < values.length; column++) values[column] = values[column]?.trim() ?? "";
  return values;
}
function rows(texts) {
  if (texts.every((text2) => text2.length <= MAX_LINE_BYTES / 4)) {
    if (!texts.some((text2) => text2.includes('"'))) return texts.map(plainRow);
    try {
      const all = parseRows(texts.join("\n"));
      if (all.length === texts.length) return all;
    } catch (error) {
      if (!(error instanceof import_sync.CsvError)) throw error;
    }
  }
  return texts.map(row);
}
function row(text2) {
  if (Buffer.byteLength(text2) > MAX_LINE_BYTES) return "the row is too long";
  try {
    const [values = []] = parseRows(text2);
    return values;
  } catch (error) {
    return error instanceof import_sync.CsvError && BROKEN[error.code] || "the row cannot be read";
  }
}
function checkedHeader(values) {
  if (typeof values === "string") throw new InvalidRecipientsError(`the CSV header cannot be read: ${values}`);
  if (!values.includes("email")) throw new InvalidRecipientsError("the CSV header must have a column email");
  if (values.includes("__proto__")) throw new InvalidRecipientsError("the CSV header must not have a column __proto__");
  if (new Set(values).size !== values.length)
    throw new InvalidRecipientsError("the CSV header must not repeat a column");
  return values;
}
function ofColumns(header, values) {
  const recipient = {};
  let data5;
  for (let column = 0; column < header.length; column++) {
    const name = header[column] ?? "";
    const value = values[column] ?? "";
    if (name === "email") recipient.email = value;
    else if (value === "") continue;
    else if (name === "name") recipient.name = value;
    else {
      data5 ??= {};
      data5[name] = value;
    }
  }
  if (data5) recipient.data = data5;
  return recipient;
}

// lib/emails/address-set.ts
var import_node_crypto3 = require("node:crypto");
var FIRST_SLOTS = 4096;
var FULLEST = 0.6;
function seenSet() {
  const tables = [emptyTable(FIRST_SLOTS)];
  return {
    /** `true` where the text is new. */
    add(text2) {
      const digest = (0, import_node_crypto3.hash)("sha256", text2, "hex");
      const high = Number.parseInt(digest.slice(0, 8), 16);
      const low = Number.parseInt(digest.slice(8, 16), 16);
      if (tables.some((table) => table.has(high, low))) return false;
      let last = tables.at(-1);
      if (last === void 0 || last.full()) {
        last = emptyTable(2 * (last?.slots ?? FIRST_SLOTS));
        tables.push(last);
      }
      last.put(high, low);
      return true;
    }
  };
}
function emptyTable(slots) {
  const words = new Uint32Array(2 * slots);
  let size = 0;
  const slotOf = (high, low) => {
    let at = 2 * (high % slots);
    while ((words[at] !== 0 || words[at + 1] !== 0) && (words[at] !== high || words[at + 1] !== low))
      at = (at + 2) % words.length;
    return at;
  };
  return {
    slots,
    full: () => size >= slots * FULLEST,
    has: (high, low) => {
      const at = slotOf(high, low);
      return words[at] === high && words[at + 1] === low;
    },
    put: (high, low) => {
      words.set([high, low], slotOf(high, low));
      size++;
    }
  };
}

// lib/emails/manifest.ts
var import_zod8 = require("zod");
var hash2 = import_zod8.z.string().regex(/^[0-9a-f]{64}$/);
var manifestSchema = import_zod8.z.object({
  manifest: import_zod8.z.literal(1),
  campaign: import_zod8.z.uuid(),
  content: hash2,
  /** One part per chunk, in order. */
  parts: import_zod8.z.array(hash2).min(1),
  /** Rejected recipients, in order. */
  rejected: import_zod8.z.array(hash2)
});
function campaignKeys(prefix, campaign) {
  const home = `${dataPrefix(prefix, EMAILS_QUEUE)}${campaign}/`;
  const number = (n) => String(n).padStart(6, "0");
  return {
    home,
    manifest: (sha) => `${home}manifest-${sha}.json`,
    content: (sha) => `${home}content-${sha}.json`,
    part: (n, sha) => `${home}recipients-${number(n)}-${sha}.ndjson`,
    rejected: (n, sha) => `${home}rejected-${number(n)}-${sha}.ndjson`
  };
}
async function readManifest(deps, { key, sha256: expected }) {
  return manifestSchema.parse(JSON.parse(await verified(deps, { key, expected, field: "data.manifest" })));
}
async function readPart(deps, manifest, number) {
  const expected = manifest.parts[number];
  if (expected === void 0)
    throw new PermanentError({
      code: "NoSuchChunk",
      message: "data.number: the campaign has no such chunk",
      field: "data.number"
    });
  const key = campaignKeys(deps.prefix, manifest.campaign).part(number, expected);
  const text2 = await verified(deps, { key, expected, field: "data.number" });
  return text2.trimEnd().split("\n").map((line) => JSON.parse(line));
}
async function readContent(deps, manifest) {
  const expected = manifest.content;
  const key = campaignKeys(deps.prefix, manifest.campaign).content(expected);
  return campaignContentSchema.parse(JSON.parse(await verified(deps, { key, expected, field: "data.campaign" })));
}
async function verified({ objects }, { key, expected, field }) {
  const bytes = await objects.get(key);
  if (!bytes)
    throw new PermanentError({
      code: "ManifestMissing",
      message: `${field}: an object of the campaign is gone`,
      field
    });
  if (sha256(bytes) !== expected)
    throw new PermanentError({
      code: "ManifestChanged",
      message: `${field}: an object of the campaign was changed after it was accepted`,
      field
    });
  return Buffer.from(bytes).toString("utf8");
}

// lib/emails/part-writer.ts
var NDJSON = "application/x-ndjson";
var FIRST_BYTES2 = 64 * 1024;
var BYTES_PER_UNIT = 3;
function partWriter({
  objects,
  size,
  key
}) {
  const hashes = [];
  let bytes = Buffer.allocUnsafeSlow(FIRST_BYTES2);
  let used = 0;
  let waiting = 0;
  let count2 = 0;
  return {
    hashes,
    count: () => count2,
    full: () => waiting >= size,
    add(entry) {
      count2 += 1;
      waiting += 1;
      const line = `${JSON.stringify(entry)}
`;
      const most = used + BYTES_PER_UNIT * line.length;
      if (most > bytes.length) bytes = grown(bytes, used, 2 * most);
      used += bytes.write(line, used);
    },
    async end() {
      if (waiting === 0) return;
      const body = Buffer.from(bytes.subarray(0, used));
      [used, waiting] = [0, 0];
      const sha = sha256(body);
      const number = hashes.push(sha) - 1;
      await objects.put(key(number, sha), body, NDJSON);
    }
  };
}
function grown(bytes, used, length) {
  const larger = Buffer.allocUnsafeSlow(length);
  bytes.copy(larger, 0, 0, used);
  return larger;
}

// lib/emails/recipient.ts
var import_zod9 = require("zod");
var MAX_LINK = 2e3;
var recipientSchema = import_zod9.z.strictObject({
  email: emailAddress,
  name: singleLine(100).optional(),
  data: templateData.optional()
});
var plain = (value) => ["string", "number", "boolean"].includes(typeof value);
var placeholders = (link) => [...link.matchAll(/\{([^{}]+)\}/g)].map(([, name = ""]) => name);
function recipientCheck({ templateId: templateId2, unsubscribe: unsubscribe2 }) {
  const link = unsubscribe2 && "link" in unsubscribe2 ? unsubscribe2.link : "";
  const needed = placeholders(link);
  return (input) => {
    const parsed3 = recipientSchema.safeParse(input, { reportInput: true });
    if (!parsed3.success) {
      const [issue] = parsed3.error.issues;
      return { reason: issue ? describeIssue(issue, issue.path.length === 0 ? "recipient" : "").message : "not valid" };
    }
    const recipient = parsed3.data;
    const { data: data5 = {} } = recipient;
    if (templateId2 === void 0 && !Object.values(data5).every(plain))
      return { reason: "data: must be text, numbers or booleans where there is no templateId" };
    const missing = needed.find((name) => !plain(data5[name]));
    if (missing !== void 0) return { reason: `data.${missing}: must be there, the unsubscribe link needs it` };
    const broken = needed.find((name) => !String(data5[name]).isWellFormed());
    if (broken !== void 0) return { reason: `data.${broken}: must be well-formed Unicode` };
    if (needed.length > 0 && unsubscribeLink(link, data5).length > MAX_LINK)
      return { reason: `data: makes the unsubscribe link longer than ${MAX_LINK} characters` };
    return { recipient };
  };
}
var unsubscribeLink = (link, data5 = {}) => link.replace(/\{([^{}]+)\}/g, (_, name) => encodeURIComponent(String(data5[name])));

// lib/emails/write-manifest.ts
var REJECTED_PART = 5e3;
async function writeManifest({ objects, prefix }, {
  campaign,
  content,
  recipients,
  chunkSize
}) {
  const keys2 = campaignKeys(prefix, campaign);
  const parts = partWriter({ objects, size: chunkSize, key: keys2.part });
  const refused3 = partWriter({ objects, size: REJECTED_PART, key: keys2.rejected });
  const check = recipientCheck(content);
  const seen = seenSet();
  let requested = 0;
  let duplicates = 0;
  for await (const reads of recipients)
    for (const read2 of reads) {
      requested += 1;
      const checked = "broken" in read2 ? { reason: read2.broken } : check(read2.value);
      if ("reason" in checked) refused3.add(rejection2(read2, checked.reason));
      else if (seen.add(checked.recipient.email.toLowerCase())) parts.add(checked.recipient);
      else {
        duplicates += 1;
        refused3.add(rejection2(read2, "email: is there already"));
      }
      for (const writer of [parts, refused3]) if (writer.full()) await writer.end();
    }
  await Promise.all([parts.end(), refused3.end()]);
  if (parts.count() === 0)
    throw new InvalidRecipientsError(
      requested === 0 ? "must be at least 1 recipient" : `must be at least 1 valid recipient, ${requested} are not`
    );
  const contentJson = JSON.stringify(content);
  const manifest = {
    manifest: 1,
    campaign,
    content: sha256(contentJson),
    parts: parts.hashes,
    rejected: refused3.hashes
  };
  const json = JSON.stringify(manifest);
  const key = keys2.manifest(sha256(json));
  await objects.put(keys2.content(manifest.content), contentJson, "application/json");
  await objects.put(key, json, "application/json");
  return {
    manifest: { key, sha256: sha256(json) },
    requested,
    duplicates,
    rejected: refused3.count() - duplicates,
    recipients: parts.count(),
    chunks: parts.hashes.length,
    rejectedKeys: refused3.hashes.map((hash3, number) => keys2.rejected(number, hash3))
  };
}
function rejection2(read2, reason) {
  const email2 = "value" in read2 ? read2.value?.email : void 0;
  return { line: read2.line, ...typeof email2 === "string" ? { email: email2.slice(0, 254) } : {}, reason };
}

// lib/emails/excluded.ts
var EXCLUDED = "excluded";
var MOST_REFUSED_REQUESTS = 10;
function excludedWith(before, { places, sent, code, opened }) {
  const requests = (before?.opened === opened ? before.requests : 0) + 1;
  const named2 = places.map((place) => sent[place]);
  if (requests > MOST_REFUSED_REQUESTS || named2.length >= sent.length) return void 0;
  if (!named2.every((number) => number !== void 0)) return void 0;
  const recipients = [...before?.recipients ?? [], ...named2].sort((a, b) => a - b);
  return { recipients, code, requests, opened };
}
var excludedOf = (step) => step?.status === "done" ? step.result : void 0;

// lib/emails/request.ts
var SEND = MAIL_STEPS.emails;
var RECIPIENTS = "recipients";
function requestOf({
  content: { unsubscribe: unsubscribe2, categories = [], ...content },
  recipients,
  origin
}) {
  const { id: id2, time, campaign } = origin;
  const job = { ...mailArgs({ id: id2, queue: EMAILS_QUEUE, time }), ...campaign ? { campaign } : {} };
  return {
    ...content,
    categories,
    ...unsubscribe2 && "group" in unsubscribe2 ? { unsubscribe: unsubscribe2 } : {},
    recipients: recipients.map(({ email: email2, name, data: data5, number }) => ({
      email: email2,
      name,
      data: data5,
      customArgs: { ...job, recipient: String(number) },
      ...unsubscribe2 && "link" in unsubscribe2 ? { headers: oneClick(unsubscribeLink(unsubscribe2.link, data5)) } : {}
    }))
  };
}
var oneClick = (link) => ({
  "List-Unsubscribe": `<${link}>`,
  "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"
});

// lib/emails/report.ts
var AT_ONCE6 = 16;
async function campaignReport(deps, campaign) {
  const kinds2 = { accepted: 0, refused: 0, unknown: 0, cancelled: 0, underWay: 0, paused: 0 };
  const jobs = { unknown: [], refused: [] };
  let released = 0;
  for (let from = 0; from < campaign.released; from += AT_ONCE6) {
    const numbers = Array.from({ length: Math.min(AT_ONCE6, campaign.released - from) }, (_, n) => from + n);
    const rows2 = await Promise.all(numbers.map((number) => chunkRow(deps, campaign, number)));
    for (const [index, row2] of rows2.entries()) {
      const number = from + index;
      const size = chunkRecipients(campaign, number);
      const kind2 = kindOf2(row2);
      const excluded = excludedOf(row2?.steps[EXCLUDED])?.recipients.length ?? 0;
      kinds2.refused += excluded;
      kinds2[kind2] += size - excluded;
      released += size;
      if (kind2 === "unknown" || kind2 === "refused") jobs[kind2].push(chunkId(campaign.id, number));
    }
  }
  const { id: id2, name, status, reason, requested, rejected, duplicates, recipients, chunks } = campaign;
  return {
    campaign: id2,
    name,
    status,
    reason,
    requested,
    rejected,
    duplicates,
    recipients,
    ...kinds2,
    notReleased: recipients - released,
    chunks: { all: chunks, released: campaign.released },
    jobs,
    events: await countEvents(deps, campaign)
  };
}
async function chunkRow(deps, campaign, number) {
  const id2 = chunkId(campaign.id, number);
  const key = jobKey(EMAILS_QUEUE, id2);
  const row2 = await deps.ledger.get(key);
  if (row2) return row2;
  const record = await deps.objects.get(recordKey(deps.prefix, { queue: EMAILS_QUEUE, time: campaign.time, id: id2 }));
  return record && rowOfRecord(Buffer.from(record).toString("utf8"), key);
}
function kindOf2(row2) {
  if (!row2) return "underWay";
  const { state, reason } = row2;
  const step = row2.steps[SEND]?.status;
  if (row2.evidence?.[SEND] || step === "done") return "accepted";
  if (step === "unknown" || step === "started" && state !== "processing") return "unknown";
  if (state === "cancelled") return "cancelled";
  if (state === "held" && reason === "paused") return "paused";
  return isEnd(state) ? "refused" : "underWay";
}
async function countEvents({ objects, prefix }, campaign) {
  const counts = {};
  const seen = seenSet();
  const folder = eventFolder(prefix, { queue: EMAILS_QUEUE, time: campaign.time, campaign: campaign.id });
  for (const key of await objects.list(folder)) {
    const bytes = await objects.get(key);
    const lines2 = bytes ? Buffer.from(bytes).toString("utf8").trimEnd().split("\n") : [];
    for (const line of lines2) {
      const event = JSON.parse(line);
      if (seen.add(eventKey(event))) counts[event.event] = (counts[event.event] ?? 0) + 1;
    }
  }
  return counts;
}

// lib/emails/control.ts
function campaignControl(deps) {
  const store3 = campaigns(deps);
  return {
    pause: (id2) => store3.pause(id2),
    resume: store3.resume,
    cancel: store3.cancel,
    report: async (id2) => {
      const campaign = await store3.read(id2);
      return campaign && campaignReport(deps, campaign);
    }
  };
}

// lib/feedback/message.ts
var import_zod10 = require("zod");
var FEEDBACK_QUEUE = "feedback";
var FEEDBACK_SUBMITTED = "feedback.submitted.v1";
var MAX_MESSAGE_BYTES2 = 64 * 1024;
var MAX_ATTACHMENT_BYTES = 50 * 1024 * 1024;
var user = import_zod10.z.strictObject({
  /** The caller's own id of the user, opaque to us. */
  id: singleLine(128).optional(),
  email: import_zod10.z.email().max(254),
  name: singleLine(100).optional()
});
var customField = import_zod10.z.strictObject({
  id: import_zod10.z.int().positive(),
  value: import_zod10.z.union([multiLine(5e3), import_zod10.z.number(), import_zod10.z.boolean(), import_zod10.z.array(singleLine(255)).max(50)])
});
var attachment = import_zod10.z.strictObject({
  key: singleLine(1024),
  name: singleLine(255),
  contentType: import_zod10.z.string().max(127).regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(; ?charset=[\w-]+)?$/, "must be a media type"),
  size: import_zod10.z.int().nonnegative().max(MAX_ATTACHMENT_BYTES).optional()
});
var contextValue = import_zod10.z.union([multiLine(1e3), import_zod10.z.number(), import_zod10.z.boolean()]);
var context = import_zod10.z.custom(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length <= 20 && Object.entries(value).every(
    ([key, entry]) => /^[A-Za-z][\w.-]{0,63}$/.test(key) && contextValue.safeParse(entry).success
  ),
  "must be at most 20 entries: names of letters, digits, ., _ or -; values are text of at most 1000 bytes, numbers or booleans"
);
var feedbackSchema = import_zod10.z.strictObject({
  user,
  subject: singleLine(150),
  message: multiLine(MAX_MESSAGE_BYTES2),
  category: singleLine(50).optional(),
  type: import_zod10.z.enum(["problem", "incident", "question", "task"]).optional(),
  priority: import_zod10.z.enum(["urgent", "high", "normal", "low"]).optional(),
  tags: import_zod10.z.array(
    import_zod10.z.string().max(50).regex(/^[\p{L}\p{N}_/-]+$/u, "must be letters, digits, _, - or /")
  ).max(20).optional(),
  customFields: import_zod10.z.array(customField).max(50).optional(),
  attachments: import_zod10.z.array(attachment).max(10).optional(),
  /** Whether the user gets an e-mail that says the feedback has come. */
  confirmation: import_zod10.z.boolean().default(true),
  locale: import_zod10.z.string().max(35).regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, "must be a language tag, e.g. en-GB").optional(),
  context: context.optional()
});
function feedbackGroup({ user: { id: id2, email: email2 } }) {
  const who = id2 === void 0 ? `email:${email2.toLowerCase()}` : `id:${id2}`;
  return sha256(`${FEEDBACK_QUEUE}:${who}`).slice(0, 32);
}

// lib/testflight/message.ts
var import_zod11 = require("zod");
var TESTFLIGHT_QUEUE = "testflight";
var TESTFLIGHT_INVITE = "testflight.invite.v1";
var TESTFLIGHT_REMOVE = "testflight.remove.v1";
var TESTFLIGHT_NOTIFY_BUILD = "testflight.notify-build.v1";
var appId = import_zod11.z.string().regex(/^[0-9]{1,20}$/, "must be Apple's id of an app, digits");
var uuid = (what) => import_zod11.z.guid(`must be Apple's id of ${what}, a UUID`).toLowerCase();
var email = import_zod11.z.email().max(254);
var groups = import_zod11.z.array(uuid("a group")).min(1).max(10).refine((ids) => new Set(ids).size === ids.length, "must not hold a group twice");
var notification = import_zod11.z.strictObject({
  /** What the app is called to testers. */
  appName: singleLine(100),
  /** What to tell them, e.g. what to look at. */
  message: multiLine(4e3).optional(),
  url: import_zod11.z.url({ protocol: /^https$/, hostname: import_zod11.z.regexes.domain, error: "must be an https URL" }).max(2e3).optional()
});
var inviteSchema = import_zod11.z.strictObject({
  app: appId,
  email,
  firstName: singleLine(50).optional(),
  lastName: singleLine(50).optional(),
  groups,
  /** Invites who was invited before once more. */
  resend: import_zod11.z.boolean().default(false),
  notification: notification.optional()
});
var removeSchema = import_zod11.z.discriminatedUnion("from", [
  import_zod11.z.strictObject({ app: appId, email, from: import_zod11.z.literal("app") }),
  import_zod11.z.strictObject({ app: appId, email, from: import_zod11.z.literal("groups"), groups })
]);
var notifyBuildSchema = import_zod11.z.strictObject({ app: appId, build: uuid("a build") });
var testflightGroup = ({ app }) => app;

// lib/producer/valid.ts
var import_zod12 = require("zod");
var submitOptions = import_zod12.z.strictObject({
  key: singleLine(255).optional(),
  principal: singleLine(255).optional(),
  correlationId: singleLine(128).optional(),
  traceparent: envelopeSchema.shape.traceparent.catch(void 0)
});
function valid(schema2, input) {
  const parsed3 = schema2.safeParse(input, { reportInput: true });
  if (parsed3.success) return parsed3.data;
  throw new InvalidJobError(parsed3.error.issues.map((issue) => describeIssue(issue)));
}

// lib/producer/campaign.ts
var MOST_RECIPIENTS = 1e3;
var CHUNK_SECONDS = 10;
var chunkSizeOf = (emailRate) => Math.min(MOST_RECIPIENTS, Math.max(1, Math.floor(emailRate * CHUNK_SECONDS)));
async function submitCampaign(deps, { input, source, options }) {
  const { name, sendAt, ...content } = valid(campaignSchema, input);
  const submitted2 = { ...valid(submitOptions, options), queue: EMAILS_QUEUE };
  const id2 = jobId({ ...submitted2, ...deps });
  const chunkSize = chunkSizeOf(deps.emailRate);
  const { rejectedKeys, ...written } = await writeManifest(deps, {
    campaign: id2,
    content: campaignContentSchema.parse(content),
    recipients: read(deps, source),
    chunkSize
  }).catch(refuse);
  const data5 = {
    ...name === void 0 ? {} : { name },
    ...sendAt === void 0 ? {} : { sendAt },
    ...written,
    chunkSize
  };
  const accepted = await submit(deps, { ...submitted2, id: id2, type: EMAIL_CAMPAIGN, data: data5, group: id2 });
  const { requested, duplicates, rejected, recipients, chunks } = written;
  return { ...accepted, requested, duplicates, rejected, recipients, chunks, rejectedKeys };
}
function refuse(error) {
  if (!(error instanceof InvalidRecipientsError)) throw error;
  throw new InvalidJobError([{ field: "recipients", message: `recipients: ${error.message}` }]);
}
function read(deps, source) {
  if ("csv" in source) return fromCsv(source.csv);
  if ("ndjson" in source) return fromNdjson(source.ndjson);
  if ("key" in source) return fromObject(deps, source.key);
  return fromIterable(source);
}
async function* fromObject(deps, key) {
  const home = attachmentsPrefix(deps.prefix, EMAILS_QUEUE);
  if (!key.startsWith(home)) throw new InvalidRecipientsError("the key must be under the attachments' prefix");
  const bytes = deps.readObject?.(key) ?? whole(deps, key);
  if (key.endsWith(".csv")) yield* fromCsv(bytes);
  else if (key.endsWith(".ndjson")) yield* fromNdjson(bytes);
  else throw new InvalidRecipientsError("the key must end in .csv or .ndjson");
}
async function* whole({ objects }, key) {
  const bytes = await objects.get(key);
  if (!bytes) throw new InvalidRecipientsError("there is no such object");
  yield bytes;
}

// lib/producer/producer.ts
var DEFAULT_EMAIL_RATE = 100;
function createProducer(deps) {
  const submitDeps = { ...deps, ledger: createLedger(deps), emailRate: deps.emailRate ?? DEFAULT_EMAIL_RATE };
  const testflight2 = (type, schema2) => async (input, options = {}) => {
    const data5 = valid(schema2, input);
    const submission = { ...valid(submitOptions, options), queue: TESTFLIGHT_QUEUE, type };
    return submit(submitDeps, { ...submission, data: data5, group: testflightGroup(data5) });
  };
  return {
    feedback: async (input, options = {}) => {
      const data5 = valid(feedbackSchema, input);
      return submit(submitDeps, {
        ...valid(submitOptions, options),
        queue: FEEDBACK_QUEUE,
        type: FEEDBACK_SUBMITTED,
        data: data5,
        group: feedbackGroup(data5)
      });
    },
    email: async (input, options = {}) => {
      const data5 = valid(emailMessageSchema, input);
      const submission = { ...valid(submitOptions, options), queue: EMAILS_QUEUE };
      const id2 = jobId({ ...submission, ...deps });
      return submit(submitDeps, { ...submission, id: id2, type: EMAIL_MESSAGE, data: data5, group: id2 });
    },
    campaigns: campaignControl(submitDeps),
    campaign: (input, source, options = {}) => submitCampaign(submitDeps, { input, source, options }),
    invite: testflight2(TESTFLIGHT_INVITE, inviteSchema),
    removeTester: testflight2(TESTFLIGHT_REMOVE, removeSchema),
    notifyBuild: testflight2(TESTFLIGHT_NOTIFY_BUILD, notifyBuildSchema)
  };
}

// lib/local/fakes/app-store-connect-rules.ts
var import_zod13 = require("zod");
var linkage = (type) => import_zod13.z.object({ type: import_zod13.z.literal(type), id: import_zod13.z.string().min(1) });
var testerSchema = import_zod13.z.object({
  data: import_zod13.z.object({
    type: import_zod13.z.literal("betaTesters"),
    attributes: import_zod13.z.object({
      email: import_zod13.z.string().regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/),
      firstName: import_zod13.z.string().min(1).max(255).nullish(),
      lastName: import_zod13.z.string().min(1).max(255).nullish()
    }),
    relationships: import_zod13.z.object({ betaGroups: import_zod13.z.object({ data: import_zod13.z.array(linkage("betaGroups")) }) })
  })
});
var testersSchema = import_zod13.z.object({ data: import_zod13.z.array(linkage("betaTesters")).min(1) });
var invitationSchema = import_zod13.z.object({
  data: import_zod13.z.object({
    type: import_zod13.z.literal("betaTesterInvitations"),
    relationships: import_zod13.z.object({
      app: import_zod13.z.object({ data: linkage("apps") }),
      betaTester: import_zod13.z.object({ data: linkage("betaTesters") })
    })
  })
});
var notificationSchema = import_zod13.z.object({
  data: import_zod13.z.object({
    type: import_zod13.z.literal("buildBetaNotifications"),
    relationships: import_zod13.z.object({ build: import_zod13.z.object({ data: linkage("builds") }) })
  })
});
var refused = (status, code, { detail = "", pointer } = {}) => ({
  status,
  headers: {},
  json: {
    errors: [
      { id: "error", status: String(status), code, title: code, detail, ...pointer && { source: { pointer } } }
    ]
  }
});

// lib/local/fakes/sendgrid-rules.ts
var import_zod14 = require("zod");
var MAX_BYTES = 30 * 1024 * 1024;
var MAX_SEND_AT_MS = 72 * 36e5;
var RESERVED_HEADERS = /^(x-sg-id|x-sg-eid|received|dkim-signature|content-type|content-transfer-encoding|to|from|subject|reply-to|cc|bcc)$/i;
var address = import_zod14.z.object({
  email: import_zod14.z.string().regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, "Does not contain a valid address."),
  name: import_zod14.z.string().optional()
});
var addresses = import_zod14.z.array(address);
var headers = import_zod14.z.record(
  import_zod14.z.string().refine((name) => !RESERVED_HEADERS.test(name), "The header is reserved."),
  import_zod14.z.string()
);
var customArgs = import_zod14.z.record(import_zod14.z.string(), import_zod14.z.string()).refine((args) => Buffer.byteLength(JSON.stringify(args)) < 1e4, "The custom args must be under 10,000 bytes.");
var mailSchema = import_zod14.z.object({
  from: address,
  reply_to: address.optional(),
  subject: import_zod14.z.string().min(1).optional(),
  content: import_zod14.z.array(import_zod14.z.object({ type: import_zod14.z.string().min(1), value: import_zod14.z.string().min(1) })).optional(),
  template_id: import_zod14.z.string().regex(/^(d-)?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/, "The template_id must be a valid GUID.").optional(),
  categories: import_zod14.z.array(import_zod14.z.string().max(255)).max(10).optional(),
  headers: headers.optional(),
  custom_args: customArgs.optional(),
  send_at: import_zod14.z.number().int().optional(),
  asm: import_zod14.z.object({ group_id: import_zod14.z.number().int(), groups_to_display: import_zod14.z.array(import_zod14.z.number().int()).max(25).optional() }).optional(),
  mail_settings: import_zod14.z.object({ sandbox_mode: import_zod14.z.object({ enable: import_zod14.z.boolean() }).optional() }).optional(),
  personalizations: import_zod14.z.array(
    import_zod14.z.object({
      to: addresses.min(1),
      cc: addresses.optional(),
      bcc: addresses.optional(),
      subject: import_zod14.z.string().min(1).optional(),
      headers: headers.optional(),
      custom_args: customArgs.optional(),
      substitutions: import_zod14.z.record(import_zod14.z.string(), import_zod14.z.string()).refine((words) => Buffer.byteLength(JSON.stringify(words)) <= 1e4, "The substitutions are too large.").optional(),
      dynamic_template_data: import_zod14.z.record(import_zod14.z.string(), import_zod14.z.unknown()).optional(),
      send_at: import_zod14.z.number().int().optional()
    })
  ).min(1).max(1e3)
});

// lib/local/fakes/zendesk-rules.ts
var import_zod15 = require("zod");
var ticketSchema = import_zod15.z.object({
  external_id: import_zod15.z.string().optional(),
  subject: import_zod15.z.string().max(150, "is too long (maximum is 150 characters)").optional(),
  comment: import_zod15.z.object({
    body: import_zod15.z.string().trim().min(1, "cannot be blank").max(65536, "is too long (maximum is 65536 characters)"),
    uploads: import_zod15.z.array(import_zod15.z.string()).optional()
  }),
  requester: import_zod15.z.object({ name: import_zod15.z.string().trim().min(1, "is too short (minimum is 1 character)"), email: import_zod15.z.string() }),
  tags: import_zod15.z.array(import_zod15.z.string()).optional(),
  priority: import_zod15.z.enum(["urgent", "high", "normal", "low"]).optional(),
  type: import_zod15.z.enum(["problem", "incident", "question", "task"]).optional(),
  custom_fields: import_zod15.z.array(import_zod15.z.object({ id: import_zod15.z.number(), value: import_zod15.z.unknown() })).optional()
});

// lib/local/fakes/zendesk-model.ts
var KEY_LIFE_MS = 2 * 36e5;

// tests/simulation/apple-seed.ts
var uuid2 = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
var APPS = [
  { id: "1", groups: [uuid2(11), uuid2(12)], builds: [uuid2(21)], invitesOnJoining: false },
  { id: "2", groups: [uuid2(13), uuid2(14)], builds: [uuid2(22)], invitesOnJoining: true },
  { id: "3", groups: [uuid2(15), uuid2(16)], builds: [], invitesOnJoining: false }
];
var NO_TESTER = `${MARK}-refused@example.com`;
var FORBIDDEN_TESTER = `${MARK}-forbidden@example.com`;
var leaver = (index) => `${MARK}-leaver-${index}@example.com`;
var invited = (index) => `${MARK}-invited-${index}@example.com`;
var JOBS = 20;
var APPLE_SEED = {
  apps: [...APPS],
  testers: APPS.flatMap(
    ({ id: id2, groups: [group = ""] }) => Array.from({ length: JOBS }, (_, index) => [
      { app: id2, email: leaver(index), groups: [group], state: "ACCEPTED" },
      { app: id2, email: invited(index), groups: [group], state: "INVITED" }
    ]).flat()
  ),
  refused: [NO_TESTER]
};

// tests/simulation/vendors.ts
var SUSPENDED = `${MARK}-suspended@example.com`;
var FORBIDDEN_SUBJECT = "forbidden";
var NO_MAILBOX = "no-mailbox";
var UNSENDABLE = "unsendable";
var VENDOR_SECRET = `Bearer SG.${MARK} of ${MARK}@example.com`;
var isOk = ({ status }) => status >= 200 && status <= 299;

// lib/vendors/sendgrid-errors.ts
var import_zod16 = require("zod");

// lib/vendors/retry-after.ts
var DEFAULT_MS = 6e4;
var MIN_MS = 1e3;
var MAX_MS = 36e5;
function retryAfterMs(headers2, now) {
  const asked = fromRetryAfter(headers2["retry-after"], now) ?? fromReset(headers2["x-ratelimit-reset"], now) ?? DEFAULT_MS;
  return Math.min(MAX_MS, Math.max(MIN_MS, Math.ceil(asked)));
}
function fromRetryAfter(value, now) {
  if (typeof value !== "string" || value.trim() === "") return void 0;
  if (/^\s*\d+(\.\d+)?\s*$/.test(value)) return Number(value) * 1e3;
  const date = Date.parse(value);
  return Number.isNaN(date) ? void 0 : date - now;
}
function fromReset(value, now) {
  return typeof value === "string" && /^\s*\d+\s*$/.test(value) ? Number(value) * 1e3 - now : void 0;
}

// lib/vendors/translate.ts
function silence({ dialect, error, effect }) {
  const { vendor, prefix } = dialect;
  if (error.reason === "unsendable") {
    const details = { vendor, message: "the request has a header or an address that cannot be sent", cause: error };
    return dialect.unsendable === "us" ? new StopError({ ...details, code: `${prefix}Misconfigured` }) : new PermanentError({ ...details, code: `${prefix}Rejected` });
  }
  const suffix2 = error.reason === "timeout" ? "Timeout" : error.reason === "unreachable" ? "Unavailable" : "Interrupted";
  const message = `${error.sent ? "no answer came" : "the vendor was not reached"} (${error.reason})`;
  const Class = error.sent && effect === "once" ? AmbiguousError : TransientError;
  return new Class({ code: prefix + suffix2, message, vendor, cause: error });
}
function refusal({
  dialect,
  answer,
  effect,
  now
}) {
  const { vendor, prefix } = dialect;
  const { status, headers: headers2 } = answer;
  const details = { vendor, status };
  const once = effect === "once";
  if (status === 429 || status === 503 && headers2["retry-after"] !== void 0)
    return new WaitError({
      ...details,
      code: `${prefix}Throttled`,
      message: `the vendor asks to wait (${status})`,
      waitMs: retryAfterMs(headers2, now)
    });
  if (status === 401)
    return new StopError({ ...details, code: `${prefix}Unauthorized`, message: "the vendor refuses our credentials" });
  if (status === 403)
    return new PermanentError({ ...details, code: "Forbidden", message: "the vendor forbids this request" });
  if (status < 400 || dialect.aboutUs.has(status))
    return new StopError({
      ...details,
      code: `${prefix}Misconfigured`,
      message: `the endpoint or the account is not as configured (${status})`
    });
  if (status >= 500 || dialect.doubtful.has(status)) {
    const inDoubt = once && !dialect.refused.has(status);
    const Class = inDoubt ? AmbiguousError : TransientError;
    const message = `the vendor failed${inDoubt ? ", perhaps after taking the request" : ""} (${status})`;
    return new Class({ ...details, code: `${prefix}Unavailable`, message });
  }
  const field = dialect.field(answer.body);
  return new PermanentError({
    ...details,
    code: `${prefix}Rejected`,
    message: `the vendor rejects the request (${status})`,
    ...field === void 0 ? {} : { field }
  });
}
function malformed({
  dialect,
  effect,
  status
}) {
  const Class = effect === "once" ? AmbiguousError : TransientError;
  return new Class({
    code: `${dialect.prefix}Malformed`,
    message: "the vendor answered success without saying what came of it",
    vendor: dialect.vendor,
    ...status === void 0 ? {} : { status }
  });
}
var fieldName = (name) => typeof name === "string" && /^[a-z][a-z0-9_.]{0,79}$/i.test(name) ? name : void 0;

// lib/vendors/sendgrid-errors.ts
var sendgrid = {
  vendor: "sendgrid",
  prefix: "Sendgrid",
  // 502 and 504 come from an edge that had passed the request on, and so does 408.
  refused: /* @__PURE__ */ new Set([500, 503]),
  doubtful: /* @__PURE__ */ new Set([408]),
  aboutUs: /* @__PURE__ */ new Set([402, 405]),
  // The key is the only thing in a header that is not ours.
  unsendable: "us",
  field: (body) => {
    const parsed3 = import_zod16.z.object({ errors: import_zod16.z.array(import_zod16.z.object({ field: import_zod16.z.unknown() })) }).safeParse(body);
    return parsed3.success ? fieldName(parsed3.data.errors[0]?.field) : void 0;
  }
};
var RecipientsRefusedError = class extends PermanentError {
  /** Places in the request, from 0, in order. */
  recipients;
  constructor({ code, message, field, status }, recipients) {
    super({ code, message, vendor: "sendgrid", ...field ? { field } : {}, ...status ? { status } : {} });
    this.recipients = recipients;
  }
};
var errorList = import_zod16.z.object({ errors: import_zod16.z.array(import_zod16.z.object({ field: import_zod16.z.string() })).min(1) });
var ADDRESS_OF = /^personalizations\.(\d{1,3})\.to(\.|$)/;
function refusedAddresses(body) {
  const parsed3 = errorList.safeParse(body);
  if (!parsed3.success) return [];
  const places = parsed3.data.errors.map(({ field }) => ADDRESS_OF.exec(field)?.[1]);
  if (places.some((place) => place === void 0)) return [];
  return [...new Set(places.map(Number))].sort((a, b) => a - b);
}
function translate(error, now) {
  if (error instanceof JobError) return error;
  if (error instanceof NoAnswer) return silence({ dialect: sendgrid, error, effect: "once" });
  if (error instanceof NotOk) return refused2(error.answer, now);
  return new PermanentError({ code: "SendgridInvalidMail", message: "the mail cannot be formed", vendor: "sendgrid" });
}
function refused2(answer, now) {
  const error = refusal({ dialect: sendgrid, answer, effect: "once", now });
  const recipients = answer.status === 400 ? refusedAddresses(answer.body) : [];
  return recipients.length > 0 ? new RecipientsRefusedError(error, recipients) : error;
}

// lib/emails/recipient-status.ts
async function writeRecipients({ objects, prefix }, {
  id: id2,
  time,
  campaign,
  recipients,
  status,
  messageId,
  code,
  excluded
}) {
  const job = { job: id2, ...campaign ? { campaign } : {} };
  const together = { status, ...messageId ? { messageId } : {}, ...code ? { code } : {} };
  const alone = { status: "refused", code: excluded?.code, field: "to" };
  const left = new Set(excluded?.recipients);
  const lines2 = Array.from(
    { length: recipients },
    (_, recipient) => JSON.stringify({ ...job, ...left.has(recipient) ? alone : together, recipient })
  );
  const key = recipientsKey(prefix, { queue: EMAILS_QUEUE, time, id: id2 });
  await objects.put(key, `${lines2.join("\n")}
`, "application/x-ndjson");
}

// lib/emails/turn.ts
var LEAD_MS = 150;
var WAIT_PART = 2 / 3;
async function takeTurn({ rate, clock }, { recipients, use, context: context2 }) {
  const withinMs = context2.callTimeoutMs(Number.MAX_SAFE_INTEGER) * WAIT_PART;
  const answer = await rate.reserve({ recipients, use, withinMs });
  if (answer.kind === "later")
    throw new WaitError({ code: "NoRateSlot", message: "others have the sending rate", waitMs: answer.waitMs });
  const { slot } = answer;
  const until = async (at) => {
    const waitMs = at - clock.now();
    if (waitMs > 0) await clock.sleep(waitMs);
    if (clock.now() > slot.until) throw missed(slot);
  };
  return { ready: () => until(slot.at - LEAD_MS), now: () => until(slot.at) };
}
var missed = (_slot) => new WaitError({ code: "RateSlotMissed", message: "the time to send has passed", waitMs: 0 });

// lib/emails/send.ts
var CALL_MS = 3e4;
async function send4(deps, sending, context2) {
  const { origin, recipients } = sending;
  const { steps } = context2;
  const excluded = () => excludedOf(steps.peek(EXCLUDED));
  try {
    const accepted = await sendOnce(deps, sending, context2);
    const { messageId } = accepted;
    await steps.step(RECIPIENTS, {
      settle: async () => void 0,
      run: () => writeRecipients(deps, { ...origin, recipients, status: "accepted", messageId, excluded: excluded() })
    });
    const refused3 = excluded()?.recipients.length;
    return { ...accepted, ...refused3 ? { refused: refused3 } : {} };
  } catch (error) {
    if (error instanceof WaitError && error.vendor === "sendgrid") await block(deps, error.waitMs, context2);
    if (error instanceof PermanentError && !(error instanceof CancelledError))
      await writeRecipients(deps, {
        ...origin,
        recipients,
        status: "refused",
        code: error.code,
        excluded: excluded()
      });
    throw error;
  }
}
async function sendOnce(deps, sending, context2) {
  const { steps } = context2;
  if (steps.peek(SEND)?.status === "skipped") throw new CancelledError();
  if (steps.peek(SEND) !== void 0) return steps.step(SEND, { proven: sentBySign, run: notAgain });
  for (; ; ) {
    const excluded = excludedOf(steps.peek(EXCLUDED));
    try {
      return await sendWithout(deps, sending, { excluded: new Set(excluded?.recipients), context: context2 });
    } catch (error) {
      if (!(error instanceof RecipientsRefusedError)) throw error;
      const out = new Set(excluded?.recipients);
      const sent = Array.from({ length: sending.recipients }, (_, number) => number).filter((n) => !out.has(n));
      const { recipients: places, code } = error;
      const next = excludedWith(excluded, { places, sent, code, opened: sending.opened });
      if (!next) throw error;
      steps.found(EXCLUDED, next);
      await steps.save();
    }
  }
}
async function sendWithout(deps, sending, { excluded, context: context2 }) {
  const { steps, vendor, callTimeoutMs } = context2;
  await sending.check?.();
  const request2 = await sending.request(excluded);
  const turn = await takeTurn(deps, { use: sending.use, recipients: request2.recipients.length, context: context2 });
  await turn.ready();
  await sending.check?.();
  return steps.step(SEND, {
    proven: sentBySign,
    run: () => vendor("sendgrid", async () => {
      await turn.now();
      const { messageId } = await deps.sendgrid.sendBulk(request2, { timeoutMs: callTimeoutMs(CALL_MS) });
      return messageId === void 0 ? {} : { messageId };
    })
  });
}
async function block({ rate }, waitMs, { log }) {
  await rate.block(waitMs).catch((error) => {
    if (!(error instanceof StoreError)) throw error;
    log.warn("the vendor's wait could not be shared", { vendor: "sendgrid", waitMs, code: error.code });
  });
}
var notAgain = () => Promise.reject(new StopError({ code: "SentBefore", message: "a step that was begun is not begun again" }));

// lib/emails/process.ts
var MOST_REFUSALS = 3;
var CONFIGURATION = /* @__PURE__ */ new Set(["SendgridUnauthorized", "SendgridMisconfigured", "Forbidden"]);
function emailsContract(deps) {
  const recall = campaignReader(deps);
  return {
    queue: EMAILS_QUEUE,
    vendors: ["sendgrid"],
    types: {
      [EMAIL_MESSAGE]: messageType({
        schema: emailMessageSchema,
        process: (job, context2) => sendMessage(deps, job, context2)
      }),
      [EMAIL_CAMPAIGN]: messageType({
        schema: campaignJobSchema,
        process: (job) => startCampaign(deps, job)
      }),
      [CAMPAIGN_CHUNK]: messageType({
        schema: chunkJobSchema,
        process: (job, context2) => sendChunk({ ...deps, recall }, job, context2)
      })
    }
  };
}
function sendMessage(deps, { id: id2, data: data5, row: row2 }, context2) {
  const { to, data: templateData2, ...content } = data5;
  const origin = { id: id2, time: row2.time };
  const recipients = [{ ...to, data: templateData2, number: 0 }];
  const request2 = async () => requestOf({ content, recipients, origin });
  return send4(deps, { origin, opened: row2.opened, recipients: 1, use: "message", request: request2 }, context2);
}
async function startCampaign(deps, { id: id2, data: data5, row: row2, envelope }) {
  const manifest = await readManifest(deps, data5.manifest);
  const { sendAt, chunks, recipients } = data5;
  if (manifest.campaign !== id2 || manifest.parts.length !== chunks)
    throw new PermanentError({
      code: "ManifestChanged",
      message: "data.manifest: is not the one of this campaign",
      field: "data.manifest"
    });
  const { sendAt: _sendAt, ...plan } = data5;
  const startsAt = Math.max(row2.time, sendAt === void 0 ? 0 : Date.parse(sendAt));
  await deps.campaigns.start({ ...plan, id: id2, source: envelope.source, time: row2.time, startsAt });
  return { chunks, recipients };
}
async function sendChunk(deps, { id: id2, data: data5, row: row2 }, context2) {
  const { campaigns: campaigns3, recall } = deps;
  const campaign = await readCampaign(campaigns3, data5.campaign);
  const origin = { id: id2, time: row2.time, campaign: campaign.id };
  try {
    const accepted = await send4(
      deps,
      {
        origin,
        opened: row2.opened,
        recipients: data5.recipients,
        use: "campaign",
        request: async (excluded) => {
          const { manifest, content } = await recall(campaign);
          const part = await readPart(deps, manifest, data5.number);
          const recipients = part.map((person2, number) => ({ ...person2, number }));
          return requestOf({ content, recipients: recipients.filter(({ number }) => !excluded.has(number)), origin });
        },
        check: async () => mayGoOn(await readCampaign(campaigns3, data5.campaign))
      },
      context2
    );
    if (campaign.refusals > 0) await campaigns3.accepted(campaign.id);
    return { ...accepted, campaign: campaign.id, recipients: data5.recipients };
  } catch (error) {
    if (error instanceof JobError) await pauseIfNeeded(deps, campaign, error);
    throw error;
  }
}
async function readCampaign(campaigns3, id2) {
  const campaign = await campaigns3.read(id2);
  if (campaign) return campaign;
  throw new PermanentError({
    code: "CampaignMissing",
    message: "data.campaign: there is no such campaign",
    field: "data.campaign"
  });
}
function mayGoOn({ status }) {
  if (status === "paused") throw new PausedError();
  if (status === "cancelled") throw new CancelledError();
}
async function pauseIfNeeded({ campaigns: campaigns3, metrics }, campaign, error) {
  const { code } = error;
  const count2 = (changed) => {
    if (campaign.status !== "running" || changed?.status !== "paused") return;
    metrics.add("CampaignsPaused", 1, "Count", { queue: EMAILS_QUEUE });
  };
  if (error instanceof StopError && CONFIGURATION.has(code)) count2(await campaigns3.pause(campaign.id, code));
  else if (error instanceof PermanentError && !(error instanceof CancelledError))
    count2(await campaigns3.refused(campaign.id, { code, most: MOST_REFUSALS }));
}
var MOST_REMEMBERED = 4;
function campaignReader(deps) {
  const known2 = /* @__PURE__ */ new Map();
  return async ({ manifest: reference }) => {
    const before = known2.get(reference.sha256);
    if (before) return before;
    const manifest = await readManifest(deps, reference);
    const read2 = { manifest, content: await readContent(deps, manifest) };
    if (known2.size >= MOST_REMEMBERED) known2.delete([...known2.keys()][0] ?? "");
    known2.set(reference.sha256, read2);
    return read2;
  };
}

// lib/jobs/rate.ts
var ALONE = 0.97;
var BESIDE_MESSAGES = 0.9;
var LATE = 0.02;
var LEAST_LATE_MS = 20;
var MESSAGE_LATE_MS = 250;
var MESSAGES_MS = 6e4;
var FURTHEST_MS = 12e4;
var LONGEST_BLOCK_MS = 36e5;
function sharedRate({ rate, ...deps }, vendor) {
  const key = rateKey(vendor);
  const { clock } = deps;
  return {
    /** A slot that begins within `withinMs`, or how long to wait before asking again; then nothing is reserved. */
    async reserve({
      recipients,
      use,
      withinMs
    }) {
      let answer;
      await updateItem(deps, key, (stored) => {
        const now = clock.now();
        const item = sane(stored ?? empty(key), now);
        const { at, next } = take2(item, { recipients, use, rate, now });
        if (at - now > withinMs) {
          answer = { kind: "later", waitMs: at - now };
          return void 0;
        }
        answer = { kind: "slot", slot: { at, until: at + lateness(recipients, rate, use) } };
        return { ...next, rate };
      });
      return answer ?? { kind: "later", waitMs: withinMs };
    },
    /** The vendor asks everybody to wait. */
    block: (waitMs) => updateItem(deps, key, (stored) => {
      const item = stored ?? empty(key);
      const blockedUntil = clock.now() + Math.min(waitMs, LONGEST_BLOCK_MS);
      return blockedUntil > item.blockedUntil ? { ...item, blockedUntil } : void 0;
    })
  };
}
var empty = (key) => ({
  key,
  version: 0,
  writer: "",
  rate: 0,
  campaigns: 0,
  alone: 0,
  messages: 0,
  whole: 0,
  messageAt: 0,
  blockedUntil: 0
});
var lateness = (recipients, rate, use) => use === "message" ? MESSAGE_LATE_MS : Math.max(LEAST_LATE_MS, recipients / rate * 1e3 * LATE);
function sane(item, now) {
  const cap = (time, most) => time > now + most ? now : time;
  return {
    ...item,
    campaigns: cap(item.campaigns, FURTHEST_MS + 2 * span(item)),
    alone: cap(item.alone, FURTHEST_MS + 2 * span(item)),
    messages: cap(item.messages, FURTHEST_MS),
    whole: cap(item.whole, FURTHEST_MS),
    messageAt: cap(item.messageAt, 0),
    blockedUntil: cap(item.blockedUntil, LONGEST_BLOCK_MS)
  };
}
var span = ({ rate }) => rate > 0 ? 1e3 / rate * 1e3 : 0;
function take2(item, { recipients, use, rate, now }) {
  const earliest = Math.max(now, item.blockedUntil);
  const ms = (part) => recipients / (rate * part) * 1e3;
  if (use === "campaign") {
    const at2 = Math.max(earliest, item.campaigns, item.whole);
    if (now - item.messageAt < MESSAGES_MS) return { at: at2, next: { ...item, campaigns: at2 + ms(BESIDE_MESSAGES) } };
    const end2 = at2 + ms(ALONE);
    return { at: at2, next: { ...item, campaigns: end2, alone: end2 } };
  }
  const at = Math.max(earliest, item.messages);
  if (item.campaigns <= at) {
    const end2 = at + ms(1);
    return { at, next: { ...item, messages: end2, whole: end2, messageAt: now } };
  }
  const left = 1 - (at < item.alone ? ALONE : BESIDE_MESSAGES);
  return { at, next: { ...item, messages: at + ms(left), messageAt: now } };
}

// tests/simulation/course.ts
var notOk = ({ status, headers: headers2 }, secret) => new NotOk({ status, headers: headers2, body: { error: secret, errors: [{ message: secret, field: secret }] } });

// lib/local/fakes/sendgrid-events.ts
var eventsOf = (mail, event, now) => mail.to.map((email2, n) => ({
  ...mail.customArgs,
  email: email2,
  timestamp: Math.floor(now / 1e3),
  event,
  sg_event_id: Buffer.from(`${event}-${mail.messageId}-${mail.customArgs.recipient ?? n}`).toString("base64url"),
  sg_message_id: `${mail.messageId}.recvd-${mail.customArgs.recipient ?? n}-1.0`
}));

// tests/simulation/signs.ts
var DELAYS_MS = [20, 3e3, 6e4, 12e5];
var SILENT = 5;
var AGAIN_MS = 3e4;
function tellOf(world, mails) {
  const { chance, kernel, pending, trouble, reach, vendors } = world;
  if (chance.between(1, SILENT) === 1) return;
  const events = mails.flatMap((mail) => eventsOf(mail, "delivered", kernel.now()));
  const sign = {};
  pending.add(sign);
  kernel.setTimeout(tell, chance.pick(DELAYS_MS));
  function tell() {
    trouble();
    reach("sign of a mail");
    const again = () => kernel.setTimeout(tell, AGAIN_MS);
    const process2 = world.spawn({ name: "events", timeoutMs: 3e4, ended: again });
    const { objects, ledger, clock, prefix } = workerDeps(world, workerPorts(world, process2));
    takeEvents({ objects, ledger, clock, prefix }, events).then(
      () => {
        if (!process2.alive) return;
        world.exit(process2);
        trouble();
        for (const mail of mails) vendors.told.add(mail);
        pending.delete(sign);
      },
      (error) => {
        if (!process2.alive) return;
        world.exit(process2);
        if (!(error instanceof StoreError)) world.watch.violated(`taking an event threw ${String(error)}`);
        again();
      }
    );
  }
}

// tests/simulation/sendgrid.ts
var sendgridOf = (world, process2) => ({
  send: (mail, { timeoutMs }) => accept(world, { process: process2, timeoutMs, request: requestOf2(mail), job: mail.customArgs.job })
});
var bulkSendgridOf = (world, process2) => ({
  sendBulk: (made2, { timeoutMs }) => {
    const mail = world.mutant?.mail?.(made2) ?? made2;
    return accept(world, {
      process: process2,
      timeoutMs,
      request: bulkRequestOf(mail),
      complaints: complaintsOf(mail),
      job: mail.recipients[0]?.customArgs.job,
      accepted: (mails) => {
        for (const listener of world.onMails) listener(mails);
        tellOf(world, mails);
      }
    });
  }
});
async function accept(world, {
  process: process2,
  timeoutMs,
  request: request2,
  complaints = [],
  job = "",
  accepted = () => {
  }
}) {
  const { call, watch, vendors } = world;
  const answer = await call({
    process: process2,
    target: "sendgrid",
    method: "send",
    timeoutMs,
    effect: () => {
      if (complaints.length > 0) throw refusalOf(complaints);
      const before = vendors.sendgrid.mails.length;
      const reply2 = vendors.sendgrid.send(request2);
      if (!isOk(reply2)) throw notOk(reply2, VENDOR_SECRET);
      watch.effect("mail", job, true);
      accepted(vendors.sendgrid.mails.slice(before));
      return reply2;
    }
  }).catch((error) => {
    const translated = translate(error, world.kernel.now() + process2.skew);
    throw world.mutant?.sendgrid?.(translated) ?? translated;
  });
  const messageId = answer.headers["x-message-id"];
  return { accepted: answer.status === 202, ...messageId ? { messageId } : {} };
}
function complaintsOf({ subject, recipients }) {
  if (subject?.includes(UNSENDABLE)) return ["content"];
  return recipients.flatMap(({ email: email2 }, place) => email2.includes(NO_MAILBOX) ? `personalizations.${place}.to` : []);
}
var refusalOf = (fields) => new NotOk({ status: 400, headers: {}, body: { errors: fields.map((field) => ({ field, message: VENDOR_SECRET })) } });
var bulkRequestOf = ({ from, subject, text: text2, templateId: templateId2, categories, recipients }) => JSON.stringify({
  from,
  personalizations: recipients.map(({ email: email2, name, customArgs: customArgs2, data: data5 }) => ({
    to: [{ email: email2, name }],
    custom_args: customArgs2,
    dynamic_template_data: data5
  })),
  subject,
  template_id: templateId2,
  categories,
  ...text2 === void 0 ? {} : { content: [{ type: "text/plain", value: text2 }] }
});
var requestOf2 = ({ from, to, subject, text: text2, templateId: templateId2, templateData: templateData2, customArgs: customArgs2, categories }) => JSON.stringify({
  from,
  personalizations: [{ to: [to], custom_args: customArgs2, dynamic_template_data: templateData2 }],
  subject,
  template_id: templateId2,
  categories,
  ...text2 === void 0 ? {} : { content: [{ type: "text/plain", value: text2 }] }
});

// tests/simulation/queues/emails.ts
var RATE = 2;
var data2 = ({ kind: kind2 }, index) => ({
  from: { email: "support@example.com" },
  to: { email: `${MARK}-${index}@example.com` },
  subject: `${MARK} ${kind2}`,
  text: `${MARK} text ${index}`
});
var emailsContractAt = (rate) => (world, process2, ports) => withKillers(
  process2,
  emailsContract({
    ...workerDeps(world, ports),
    campaigns: campaigns(ports),
    rate: sharedRate({ ...ports, rate }, "sendgrid"),
    sendgrid: bulkSendgridOf(world, process2)
  })
);
var emails = {
  name: EMAILS_QUEUE,
  settings: {
    type: "fifo",
    retention: 1209600,
    dlqRetention: 1209600,
    visibility: 600,
    receives: 3,
    ordered: false
  },
  functionTimeoutMs: 1e5,
  batches: [1],
  kinds: [
    ...["good", "newer", "kills-before", "kills-after"],
    ...["not-json", "no-envelope", "bad-data", "unknown-version", "stolen-id", "copy"]
  ],
  type: EMAIL_MESSAGE,
  newerType: "email.message.v2",
  contract: emailsContractAt(RATE),
  data: data2,
  group: ({ group }) => `group-${group}`,
  submit: (deps, { spec, index, key, type }) => type === EMAIL_MESSAGE ? createProducer(deps).email(data2(spec, index), { key }) : submitted(deps, { queue: EMAILS_QUEUE, type, data: data2(spec, index), group: key, key }),
  provenBy: { send: "mail" },
  wrong: ({ watch }, id2) => watch.effects.has(id2) ? void 0 : "there was no mail"
};

// tests/simulation/queues/campaigns.ts
var RATE2 = 0.3;
var CHUNK = 3;
var MINUTE_MS = 6e4;
var chunksOf = ({ group }) => 2 + group;
function addressesOf(spec, index) {
  const count2 = (chunksOf(spec) - 1) * CHUNK + 1 + index % CHUNK;
  const name = (number) => spec.kind === "one-refused" && number === 1 ? NO_MAILBOX : String(number);
  return Array.from({ length: count2 }, (_, number) => `${MARK}-${index}-${name(number)}@example.com`);
}
function countsOf(spec, index) {
  const recipients = addressesOf(spec, index).length;
  return { requested: recipients + 2, duplicates: 1, rejected: 1, recipients, chunks: chunksOf(spec) };
}
function listOf(spec, index) {
  const addresses2 = addressesOf(spec, index);
  return [...addresses2, addresses2[0]?.toUpperCase() ?? "", `${MARK} nobody`].map((email2) => ({ email: email2 }));
}
var contentOf = ({ kind: kind2 }) => ({
  from: { email: "news@example.com" },
  subject: `${MARK} ${kind2 === "unsendable" ? UNSENDABLE : "news"}`,
  text: `${MARK} text`
});
var beginsAt = ({ plan }, index) => index % 2 === 1 ? plan.start + 2 * MINUTE_MS : plan.start;
var sendAtOf = (world, index) => index % 2 === 1 ? { sendAt: new Date(beginsAt(world, index)).toISOString() } : {};
var data3 = (spec, index) => ({
  name: spec.kind,
  manifest: { key: `jobs/_data/emails/${index}`, sha256: "0".repeat(64) },
  ...countsOf(spec, index),
  chunkSize: CHUNK
});
var campaigns2 = {
  name: "campaigns",
  queue: EMAILS_QUEUE,
  settings: emails.settings,
  functionTimeoutMs: emails.functionTimeoutMs,
  batches: [1],
  mostJobs: 2,
  stayMs: 5e3,
  controlled: true,
  kinds: [
    ...["good", "one-refused", "unsendable", "chunk-kills-before", "chunk-kills-after"],
    ...["newer", "kills-before", "kills-after"],
    ...["not-json", "no-envelope", "bad-data", "unknown-version", "stolen-id", "copy"]
  ],
  type: EMAIL_CAMPAIGN,
  newerType: "email.campaign.v2",
  contract: emailsContractAt(RATE2),
  data: data3,
  group: ({ group }) => `group-${group}`,
  submit: async (given, { spec, index, key, type }, world) => {
    const deps = { ...given, source: `/sim/${spec.kind}` };
    const about = { name: spec.kind, ...sendAtOf(world, index) };
    const list = listOf(spec, index);
    if (type === EMAIL_CAMPAIGN)
      return createProducer({ ...deps, emailRate: RATE2 }).campaign({ ...about, ...contentOf(spec) }, list, { key });
    const id2 = jobId({ ...deps, queue: EMAILS_QUEUE, key });
    const { rejectedKeys: _rejected, ...written } = await writeManifest(deps, {
      campaign: id2,
      content: contentOf(spec),
      recipients: fromIterable(list),
      chunkSize: CHUNK
    });
    return submitted(deps, {
      queue: EMAILS_QUEUE,
      type,
      data: { ...about, ...written, chunkSize: CHUNK },
      group: id2,
      key
    });
  },
  provenBy: { send: "mail" },
  wrong: ({ watch }, id2) => watch.items.has(campaignKey(id2)) ? void 0 : "there is no campaign"
};

// lib/vendors/zendesk.ts
var import_zod18 = require("zod");

// lib/vendors/zendesk-errors.ts
var import_zod17 = require("zod");
var IdempotencyMismatch = class extends AmbiguousError {
  constructor() {
    super({
      code: "IdempotentRequestError",
      message: "the job made a ticket before, from another body",
      vendor: "zendesk",
      status: 400
    });
  }
};
var zendesk = {
  vendor: "zendesk",
  prefix: "Zendesk",
  // None by itself: a 503 is known to have done nothing only where it carries Retry-After (a WaitError).
  refused: /* @__PURE__ */ new Set(),
  doubtful: /* @__PURE__ */ new Set([408, 409]),
  // The paths are fixed, so a missing one is a wrong or closed subdomain.
  aboutUs: /* @__PURE__ */ new Set([402, 404, 405]),
  // The secret travels in base64; what else is in a header is the job's.
  unsendable: "job",
  field: (body) => {
    const parsed3 = import_zod17.z.object({ details: import_zod17.z.record(import_zod17.z.string(), import_zod17.z.unknown()) }).safeParse(body);
    return parsed3.success ? fieldName(Object.keys(parsed3.data.details)[0]) : void 0;
  }
};
function translate2(error, effect, now) {
  if (error instanceof JobError) return error;
  if (error instanceof NoAnswer) return silence({ dialect: zendesk, error, effect });
  if (!(error instanceof NotOk)) return malformed({ dialect: zendesk, effect });
  if (effect === "once" && error.answer.status === 400) {
    if (isMismatch(error.answer)) return new IdempotencyMismatch();
    if (error.answer.body === void 0) return malformed({ dialect: zendesk, effect, status: 400 });
  }
  return refusal({ dialect: zendesk, answer: error.answer, effect, now });
}
var isMismatch = ({ body }) => /"IdempotentRequestError"/.test(JSON.stringify(body ?? null));

// lib/vendors/zendesk.ts
function ticketRequest(ticket) {
  const { externalId, subject, body, requester, tags, priority, type, customFields, uploads } = ticket;
  return {
    ticket: {
      external_id: externalId,
      subject,
      comment: { body, ...uploads.length > 0 ? { uploads: [...uploads] } : {} },
      requester: { name: requester.name, email: requester.email },
      ...tags.length > 0 ? { tags: [...tags] } : {},
      ...priority === void 0 ? {} : { priority },
      ...type === void 0 ? {} : { type },
      ...customFields.length > 0 ? { custom_fields: customFields.map(({ id: id2, value }) => ({ id: id2, value })) } : {}
    }
  };
}
var ticketBody = (ticket) => JSON.stringify(ticketRequest(ticket));
var id = import_zod18.z.union([import_zod18.z.number().int(), import_zod18.z.string().min(1)]).transform(String);
var created = import_zod18.z.object({ result: import_zod18.z.object({ id }) });
var found = import_zod18.z.array(import_zod18.z.object({ id, external_id: import_zod18.z.string() }));
var uploaded = import_zod18.z.object({ upload: import_zod18.z.object({ token: import_zod18.z.string().min(1) }) });

// lib/worker/best-effort.ts
var PAUSE_MS = 6e4;
async function bestEffort(context2, {
  step,
  after,
  vendor,
  limitMs,
  run: run2
}) {
  const { steps, now } = context2;
  const before = steps.peek(step);
  if (before?.status === "skipped") return `skipped: ${before.reason}`;
  try {
    await steps.step(step, { proven: sentBySign, run: () => context2.vendor(vendor, run2) });
    return "sent";
  } catch (error) {
    if (error instanceof StepUnknownError) return "unknown";
    if (!(error instanceof JobError)) throw error;
    if (error.class === "permanent" || error.class === "stop") return skipStep(context2, step, error.code);
    if (error.class !== "wait" && error.class !== "transient") throw error;
    const waitMs = error instanceof WaitError ? error.waitMs : PAUSE_MS;
    const waitedMs = now() - (steps.peek(after)?.endedAt ?? now());
    if (waitedMs + waitMs > limitMs) return skipStep(context2, step, error.code);
    throw error instanceof WaitError ? error : asWait(error, waitMs);
  }
}
function skipStep({ steps }, step, reason) {
  steps.skip(step, reason);
  return `skipped: ${reason}`;
}
var asWait = ({ code, message, vendor }, waitMs) => new WaitError({ code, message, waitMs, ...vendor ? { vendor } : {} });

// lib/feedback/confirmation.ts
function confirmationOf({
  id: id2,
  time,
  data: data5,
  ticketId,
  config: { from, templateId: templateId2, brand }
}) {
  const { user: user2, subject } = data5;
  const base = {
    from,
    to: user2.name === void 0 ? { email: user2.email } : { email: user2.email, name: user2.name },
    customArgs: mailArgs({ id: id2, queue: FEEDBACK_QUEUE, time }),
    categories: ["feedback-confirmation"]
  };
  if (templateId2 !== void 0)
    return { ...base, templateId: templateId2, templateData: { name: user2.name ?? "", subject, ticketId, brand } };
  return {
    ...base,
    subject: `We have received your feedback: ${subject}`,
    text: [
      user2.name === void 0 ? "Hello," : `Hello ${user2.name},`,
      `thank you for your feedback. It has reached ${brand} under the number ${ticketId}.`,
      `You wrote about: ${subject}`
    ].join("\n\n")
  };
}

// lib/feedback/ticket.ts
function ticketOf({
  id: id2,
  data: data5,
  uploads,
  tags
}) {
  const { user: user2, subject, message, category, type, priority, customFields = [], context: context2 = {} } = data5;
  const details = Object.entries(context2).map(([name, value]) => `${name}: ${value}`);
  return {
    externalId: id2,
    subject,
    body: details.length > 0 ? `${message}

${details.join("\n")}` : message,
    requester: { name: user2.name ?? localPart(user2.email), email: user2.email },
    tags: [.../* @__PURE__ */ new Set([...tags, ...category ? [asTag(category)] : [], ...data5.tags ?? []])],
    ...priority ? { priority } : {},
    ...type ? { type } : {},
    customFields,
    uploads
  };
}
var localPart = (email2) => email2.slice(0, email2.lastIndexOf("@"));
var asTag = (category) => category.toLowerCase().replaceAll(/[^\p{L}\p{N}_/-]+/gu, "_");
async function attachmentsOf({ objects, prefix }, { attachments = [] }) {
  const home = attachmentsPrefix(prefix, FEEDBACK_QUEUE);
  return Promise.all(
    attachments.map(async ({ key, name, contentType }, index) => {
      const field = `data.attachments.${index}.key`;
      if (!key.startsWith(home))
        throw new PermanentError({
          code: "InvalidField",
          message: `${field}: must be under the attachments' prefix`,
          field
        });
      const bytes = await objects.get(key);
      if (!bytes)
        throw new PermanentError({ code: "AttachmentMissing", message: `${field}: there is no such object`, field });
      return { name, contentType, bytes };
    })
  );
}

// lib/feedback/process.ts
var MINUTE_MS2 = 6e4;
var TOKEN_LIFETIME_MS = 55 * MINUTE_MS2;
function feedbackContract(deps) {
  return {
    queue: FEEDBACK_QUEUE,
    vendors: ["zendesk", "sendgrid"],
    types: {
      [FEEDBACK_SUBMITTED]: messageType({
        schema: feedbackSchema,
        process: (job, context2) => process(deps, job, context2)
      })
    }
  };
}
async function process(deps, job, context2) {
  const ticket = await makeTicket(deps, job, context2);
  const confirmation = await confirm(deps, { job, ticketId: ticket.id, context: context2 });
  return { ticketId: ticket.id, confirmation };
}
async function makeTicket(deps, { id: id2, data: data5 }, context2) {
  const { steps, vendor, callTimeoutMs } = context2;
  const { zendesk: zendesk2, config } = deps;
  const made2 = steps.peek("ticket")?.status === "done";
  const uploads = made2 ? [] : await upload(deps, data5, context2);
  const ticket = ticketOf({ id: id2, data: data5, uploads, tags: config.tags });
  return steps.step("ticket", {
    hash: sha256(ticketBody(ticket)),
    run: () => vendor("zendesk", () => zendesk2.createTicket(ticket, { idempotencyKey: id2, timeoutMs: callTimeoutMs() })),
    settle: () => vendor("zendesk", () => zendesk2.findTicket(id2, { timeoutMs: callTimeoutMs() }))
  });
}
async function upload(deps, data5, context2) {
  if (!data5.attachments?.length) return [];
  const { steps, vendor, callTimeoutMs, now } = context2;
  return steps.step("upload", {
    confidential: true,
    stale: (_tokens, endedAt) => now() - endedAt > TOKEN_LIFETIME_MS,
    // An upload that nobody's ticket names is forgotten by Zendesk: it may be made twice.
    settle: async () => void 0,
    run: async () => {
      const tokens = [];
      for (const file of await attachmentsOf({ objects: deps.objects, prefix: deps.config.prefix }, data5)) {
        const call = () => deps.zendesk.upload(file, { timeoutMs: callTimeoutMs() });
        tokens.push((await vendor("zendesk", call)).token);
      }
      return tokens;
    }
  });
}
async function confirm(deps, { job: { id: id2, data: data5, row: row2 }, ticketId, context: context2 }) {
  if (!data5.confirmation) return skipStep(context2, MAIL_STEPS.feedback, "opted-out");
  const mail = confirmationOf({ id: id2, time: row2.time, data: data5, ticketId, config: deps.config });
  return bestEffort(context2, {
    step: MAIL_STEPS.feedback,
    after: "ticket",
    vendor: "sendgrid",
    limitMs: deps.config.confirmationWaitMs,
    run: () => deps.sendgrid.send(mail, { timeoutMs: context2.callTimeoutMs() })
  });
}

// tests/simulation/zendesk.ts
function zendeskOf(world, process2) {
  const { call, watch, vendors } = world;
  const now = () => world.kernel.now() + process2.skew;
  const ask = (method, { timeoutMs, effect, reply: reply2 }) => call({
    process: process2,
    target: "zendesk",
    method,
    timeoutMs,
    effect: () => {
      const answer = reply2();
      if (!isOk(answer)) throw notOk(answer, VENDOR_SECRET);
      return answer.json;
    }
  }).catch((error) => Promise.reject(translate2(error, effect, now())));
  return {
    createTicket: async (ticket, { idempotencyKey, timeoutMs }) => {
      const body = ticketBody(ticket);
      const { ticket: made2 } = await ask("createTicket", {
        timeoutMs,
        effect: "once",
        reply: () => {
          if (ticket.subject.includes(FORBIDDEN_SUBJECT)) return { status: 403, headers: {} };
          const before = vendors.zendesk.tickets.length;
          const answer = vendors.zendesk.createTicket(body, idempotencyKey);
          if (vendors.zendesk.tickets.length > before) watch.effect("ticket", ticket.externalId, true);
          return answer;
        }
      });
      return { id: String(made2.id) };
    },
    findTicket: async (externalId, { timeoutMs }) => {
      const { tickets } = await ask("findTicket", {
        timeoutMs,
        effect: "repeatable",
        reply: () => vendors.zendesk.listTickets(externalId)
      });
      return tickets[0] && { id: String(tickets[0].id) };
    },
    upload: async ({ name, contentType, bytes }, { timeoutMs }) => {
      const { upload: upload2 } = await ask("upload", {
        timeoutMs,
        effect: "repeatable",
        reply: () => vendors.zendesk.upload({ name, contentType, size: bytes.byteLength })
      });
      return { token: upload2.token };
    }
  };
}

// tests/simulation/queues/feedback.ts
var FILE = `${attachmentsPrefix("jobs", "feedback")}file.txt`;
function data4({ kind: kind2, group }, index) {
  const email2 = kind2 === "refused" ? SUSPENDED : `${MARK}-${group}@example.com`;
  const subject = kind2 === "forbidden" ? FORBIDDEN_SUBJECT : kind2;
  return {
    user: { id: `${MARK}-user-${group}`, email: email2, name: `${MARK} User` },
    subject: `${MARK} ${subject} ${index}`,
    message: `${MARK} says that it does not work.`,
    ...kind2 === "opted-out" ? { confirmation: false } : {},
    ...kind2 === "attachment" ? { attachments: [{ key: FILE, name: "file.txt", contentType: "text/plain" }] } : {}
  };
}
var feedback = {
  name: "feedback",
  settings: {
    type: "fifo",
    retention: 1209600,
    dlqRetention: 1209600,
    visibility: 300,
    receives: 3,
    ordered: false
  },
  functionTimeoutMs: 45e3,
  batches: [1],
  kinds: [
    ...["good", "newer", "kills-before", "kills-after", "refused", "forbidden", "attachment", "opted-out"],
    ...["not-json", "no-envelope", "bad-data", "unknown-version", "stolen-id", "copy"]
  ],
  type: FEEDBACK_SUBMITTED,
  newerType: "feedback.submitted.v2",
  contract: (world, process2, { objects }) => withKillers(
    process2,
    feedbackContract({
      objects,
      zendesk: zendeskOf(world, process2),
      sendgrid: sendgridOf(world, process2),
      config: {
        prefix: "jobs",
        tags: ["app"],
        from: { email: "support@example.com" },
        brand: "Example",
        confirmationWaitMs: 9e5
      }
    })
  ),
  data: data4,
  group: (spec) => feedbackGroup(feedbackSchema.parse(data4(spec, 0))),
  prepare: ({ stores }) => stores.objects.put(FILE, "a file", "text/plain"),
  submit: (deps, { spec, index, key, type }) => type === FEEDBACK_SUBMITTED ? createProducer(deps).feedback(data4(spec, index), { key }) : submitted(deps, { queue: "feedback", type, data: data4(spec, index), group: feedback.group(spec), key }),
  wrong: ({ vendors }, id2, { kind: kind2 }) => {
    const ticket = vendors.zendesk.tickets.find(({ external_id }) => external_id === id2);
    if (!ticket) return "there is no ticket";
    if (kind2 === "attachment" && ticket.attachments.length !== 1) return "the ticket has no attachment";
    const mailed = vendors.sendgrid.mails.some(({ customArgs: customArgs2 }) => customArgs2.job === id2);
    if (kind2 === "opted-out" && mailed) return "a mail went to who wants none";
    return void 0;
  }
};

// lib/vendors/app-store-connect-errors.ts
var import_zod19 = require("zod");

// lib/vendors/app-store-connect-budget.ts
var EXHAUSTED_MS = 10 * 6e4;
function callsLeft(headers2) {
  const header = headers2["x-rate-limit"];
  if (typeof header !== "string") return void 0;
  const [, limit] = /user-hour-lim:\s*(\d+)/.exec(header) ?? [];
  const [, left] = /user-hour-rem:\s*(\d+)/.exec(header) ?? [];
  return limit && left ? { limit: Number(limit), left: Number(left) } : void 0;
}
var exhaustedMs = (headers2) => callsLeft(headers2)?.left === 0 ? EXHAUSTED_MS : void 0;

// lib/vendors/app-store-connect-errors.ts
var Contradiction = class extends PermanentError {
};
var appStoreConnect = {
  vendor: "app-store-connect",
  prefix: "AppStoreConnect",
  refused: /* @__PURE__ */ new Set(),
  doubtful: /* @__PURE__ */ new Set([408]),
  // 404 is about a group, a build or a tester that a job names.
  aboutUs: /* @__PURE__ */ new Set([402, 405]),
  // Only the token and our own names are in the headers; what a job brings is escaped.
  unsendable: "us",
  field: (body) => pointedAt(errorsOf(body)[0])
};
var errorSchema = import_zod19.z.object({
  code: import_zod19.z.string(),
  source: import_zod19.z.object({ pointer: import_zod19.z.string().optional(), parameter: import_zod19.z.string().optional() }).optional()
});
function errorsOf(body) {
  const parsed3 = import_zod19.z.object({ errors: import_zod19.z.array(errorSchema) }).safeParse(body);
  return parsed3.success ? parsed3.data.errors : [];
}
var pointedAt = (error) => fieldName(error?.source?.parameter ?? error?.source?.pointer?.replace(/^\//, "").replaceAll("/", "."));
var hasCode = (answer, code) => errorsOf(answer.body).some((error) => error.code === code || error.code.startsWith(`${code}.`));
var translate3 = ({ settleMs, ...failed }) => askedLater(meaning(failed), settleMs);
var unclear = ({ settleMs, ...answered3 }) => askedLater(malformed({ dialect: appStoreConnect, ...answered3 }), settleMs);
function askedLater(error, settleMs) {
  if (!(error instanceof AmbiguousError)) return error;
  const { code, message, vendor, status, cause } = error;
  return new AmbiguousError({
    ...{ code, message, cause, askAfterMs: settleMs },
    ...vendor ? { vendor } : {},
    ...status ? { status } : {}
  });
}
function meaning({ error, effect, now }) {
  if (error instanceof JobError) return error;
  if (error instanceof NoAnswer) return silence({ dialect: appStoreConnect, error, effect });
  if (!(error instanceof NotOk)) throw error;
  const { answer } = error;
  return ofCode(answer) ?? refusal({ dialect: appStoreConnect, answer, effect, now });
}
function ofCode(answer) {
  const { status, headers: headers2 } = answer;
  const details = { vendor: "app-store-connect", status };
  if (hasCode(answer, "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED"))
    return new StopError({ ...details, code: "AgreementMissing", message: "an agreement with Apple must be signed" });
  const waitMs = status === 429 && headers2["retry-after"] === void 0 ? exhaustedMs(headers2) : void 0;
  if (waitMs !== void 0)
    return new WaitError({
      ...details,
      code: "AppStoreConnectBudget",
      message: "the hour's calls are used up",
      waitMs
    });
  if (status === 409 && !hasCode(answer, "ENTITY_ERROR.ATTRIBUTE"))
    return new Contradiction({
      ...details,
      code: "AppStoreConnectConflict",
      message: "Apple says that this does not fit the state of things (409)"
    });
  return void 0;
}

// lib/testflight/deps.ts
var callApple = ({ appStoreConnect: appStoreConnect2 }, { vendor, callTimeoutMs }) => (call) => vendor("app-store-connect", () => call(appStoreConnect2, { timeoutMs: callTimeoutMs() }));
function awaitBudget({ appStoreConnect: appStoreConnect2 }) {
  const waitMs = appStoreConnect2.waitMs();
  if (waitMs > 0)
    throw new WaitError({
      code: "AppStoreConnectBudget",
      message: "few of the hour's calls are left",
      waitMs,
      vendor: "app-store-connect"
    });
}
function awaitEffects({ steps, now }, { step, calls = 1, settleMs }) {
  const before = steps.peek(step);
  if (before?.status !== "started") return;
  const waitMs = before.startedAt + calls * LONGEST_CALL_MS + settleMs - now();
  if (waitMs > 0)
    throw new WaitError({ code: "MayStillShow", message: `the effect of ${step} may not show yet`, waitMs });
}

// lib/testflight/membership.ts
async function changeMembership({ apple, context: context2, settleMs }, { tester, groups: groups2, member }) {
  const { steps } = context2;
  const open2 = async () => {
    const now = await apple((connect, options) => connect.groupsOf(tester, options));
    return groups2.filter((group) => now.includes(group) !== member);
  };
  if (steps.peek("membership") === void 0 && (await open2()).length === 0) steps.found("membership", { changed: 0 });
  await steps.step("membership", {
    settle: async () => {
      awaitEffects(context2, { step: "membership", calls: groups2.length, settleMs });
      return (await open2()).length === 0 ? { changed: groups2.length } : void 0;
    },
    run: async () => {
      const changes = await open2();
      for (const group of changes) await change(group);
      return { changed: changes.length };
    }
  });
  async function change(group) {
    try {
      await apple(
        (connect, options) => member ? connect.addToGroup({ tester, group }, options) : connect.removeFromGroup({ tester, group }, options)
      );
    } catch (error) {
      if (!(error instanceof Contradiction) || (await open2()).includes(group)) throw error;
    }
  }
}

// lib/testflight/notification.ts
function notificationOf({
  id: id2,
  time,
  data: { email: email2, firstName, lastName },
  notification: { appName, message, url },
  config: { from, templateId: templateId2, brand }
}) {
  const name = [firstName, lastName].filter((part) => part !== void 0).join(" ");
  const base = {
    from,
    to: name === "" ? { email: email2 } : { email: email2, name },
    customArgs: mailArgs({ id: id2, queue: TESTFLIGHT_QUEUE, time }),
    categories: ["testflight-notification"]
  };
  if (templateId2 !== void 0)
    return { ...base, templateId: templateId2, templateData: { name, appName, message: message ?? "", url: url ?? "", brand } };
  return {
    ...base,
    subject: `You are invited to test ${appName}`,
    text: [
      name === "" ? "Hello," : `Hello ${name},`,
      `${brand} invites you to test ${appName}. Apple has sent you a mail of its own, by which you join in TestFlight.`,
      ...message === void 0 ? [] : [message],
      ...url === void 0 ? [] : [url]
    ].join("\n\n")
  };
}

// lib/testflight/tester.ts
async function findOrCreate({ apple, context: context2, settleMs }, { app, email: email2, firstName, lastName, groups: groups2 }) {
  const { steps } = context2;
  const find = () => apple((connect, options) => connect.findTester({ email: email2, app }, options));
  if (steps.peek("tester") === void 0) {
    const tester = await find();
    if (tester) steps.found("tester", known(tester));
  }
  return steps.step("tester", {
    settle: async () => {
      awaitEffects(context2, { step: "tester", settleMs });
      const tester = await find();
      return tester && made(tester.id);
    },
    run: async () => {
      const who = { email: email2, firstName, lastName, groups: groups2 };
      try {
        return made((await apple((connect, options) => connect.createTester(who, options))).id);
      } catch (error) {
        if (!(error instanceof Contradiction)) throw error;
        const tester = await find();
        if (!tester) throw error;
        return known(tester);
      }
    }
  });
}
var made = (id2) => ({ id: id2, created: true, before: "NOT_INVITED" });
var known = ({ id: id2, state }) => ({ id: id2, created: false, before: state });

// lib/testflight/invite.ts
async function invite(deps, job, context2) {
  awaitBudget(deps);
  await deps.subjects.refuseSuperseded(job);
  const { data: data5 } = job;
  const run2 = { apple: callApple(deps, context2), context: context2, settleMs: deps.config.settleMs };
  const tester = await findOrCreate(run2, data5);
  await changeMembership(run2, { tester: tester.id, groups: data5.groups, member: true });
  const invitation2 = await sendInvitation(run2, { data: data5, tester });
  const notification2 = await notify(deps, { job, context: context2, invitation: invitation2 });
  await deps.subjects.finished(job);
  return { testerId: tester.id, invitation: invitation2, ...notification2 === void 0 ? {} : { notification: notification2 } };
}
async function sendInvitation({ apple, context: context2, settleMs }, { data: { app, email: email2, resend }, tester }) {
  const { steps } = context2;
  const before = steps.peek("invitation");
  if (before?.status === "skipped") return `skipped: ${before.reason}`;
  const again = resend && tester.before !== "NOT_INVITED";
  const state = async () => {
    const now = await apple((connect, options) => connect.findTester({ email: email2, app }, options));
    if (now) return now.state;
    throw new TransientError({ code: "TesterNotShown", message: "Apple does not show the tester yet" });
  };
  if (before === void 0 && !again) {
    const outcome = outcomeOf(await state(), tester);
    if (outcome?.startsWith("skipped")) return skipStep(context2, "invitation", outcome.slice("skipped: ".length));
    if (outcome) steps.found("invitation", outcome);
  }
  return steps.step("invitation", {
    ...again ? { proven: () => "sent" } : {
      settle: async () => {
        awaitEffects(context2, { step: "invitation", settleMs });
        return await state() === "NOT_INVITED" ? void 0 : "sent";
      }
    },
    run: async () => {
      try {
        return await apple((connect, options) => connect.invite({ app, tester: tester.id }, options));
      } catch (error) {
        if (!(error instanceof Contradiction) || again || await state() === "NOT_INVITED") throw error;
        return "already-invited";
      }
    }
  });
}
function outcomeOf(state, { before }) {
  switch (state) {
    case "NOT_INVITED":
      return void 0;
    case "INVITED":
      return before === "NOT_INVITED" ? "by-apple" : "already-invited";
    case "ACCEPTED":
    case "INSTALLED":
      return "already-accepted";
    case "REVOKED":
      return "skipped: Revoked";
    case "UNKNOWN":
      return "skipped: UnknownState";
  }
}
async function notify(deps, { job: { id: id2, data: data5, row: row2 }, context: context2, invitation: invitation2 }) {
  const { notification: notification2 } = data5;
  if (!notification2) return void 0;
  if (invitation2 !== "sent" && invitation2 !== "by-apple") return skipStep(context2, MAIL_STEPS.testflight, "NotInvited");
  const mail = notificationOf({ id: id2, time: row2.time, data: data5, notification: notification2, config: deps.config });
  return bestEffort(context2, {
    step: MAIL_STEPS.testflight,
    after: "invitation",
    vendor: "sendgrid",
    limitMs: deps.config.notificationWaitMs,
    run: () => deps.sendgrid.send(mail, { timeoutMs: context2.callTimeoutMs() })
  });
}

// lib/testflight/notify-build.ts
async function notifyBuild(deps, { data: { build } }, context2) {
  awaitBudget(deps);
  if (context2.steps.peek("notification")?.status === "skipped") throw new CancelledError();
  const apple = callApple(deps, context2);
  const notification2 = await context2.steps.step("notification", {
    proven: () => "sent",
    run: async () => {
      await apple((connect, options) => connect.notifyBuild(build, options));
      return "sent";
    }
  });
  return { notification: notification2 };
}

// lib/testflight/remove.ts
async function remove(deps, job, context2) {
  awaitBudget(deps);
  await deps.subjects.refuseSuperseded(job);
  const { app, email: email2 } = job.data;
  const { steps } = context2;
  const { settleMs } = deps.config;
  const apple = callApple(deps, context2);
  const find = () => apple((connect, options) => connect.findTester({ email: email2, app }, options));
  const lookUp = async () => ({ id: (await find())?.id ?? null });
  if (steps.peek("tester") === void 0) steps.found("tester", await lookUp());
  const { id: tester } = await steps.step("tester", { run: lookUp });
  if (tester === null) steps.skip("membership", "NoTester");
  else if (job.data.from === "groups")
    await changeMembership({ apple, context: context2, settleMs }, { tester, groups: job.data.groups, member: false });
  else
    await steps.step("membership", {
      settle: async () => {
        awaitEffects(context2, { step: "membership", settleMs });
        return await find() ? void 0 : { changed: 1 };
      },
      run: async () => {
        try {
          await apple((connect, options) => connect.removeFromApp({ tester, app }, options));
        } catch (error) {
          if (!(error instanceof Contradiction) || await find()) throw error;
        }
        return { changed: 1 };
      }
    });
  await deps.subjects.finished(job);
  return tester === null ? { removed: false } : { testerId: tester, removed: true };
}

// lib/testflight/process.ts
function testflightContract(deps) {
  return {
    queue: TESTFLIGHT_QUEUE,
    vendors: ["app-store-connect", "sendgrid"],
    types: {
      [TESTFLIGHT_INVITE]: messageType({
        schema: inviteSchema,
        process: (job, context2) => invite(deps, job, context2)
      }),
      [TESTFLIGHT_REMOVE]: messageType({
        schema: removeSchema,
        process: (job, context2) => remove(deps, job, context2)
      }),
      [TESTFLIGHT_NOTIFY_BUILD]: messageType({
        schema: notifyBuildSchema,
        process: (job, context2) => notifyBuild(deps, job, context2)
      })
    }
  };
}

// lib/testflight/subjects.ts
function createSubjects(deps) {
  return {
    refuseSuperseded: async (job) => {
      if (job.row.opened === 1) return;
      const latest = await readItem(deps, keyOf(job));
      if (latest && latest.job !== job.id && latest.time > job.row.time)
        throw new PermanentError({
          code: "Superseded",
          message: "a later job about this tester has ended: send a new one if this is still wanted"
        });
    },
    finished: async (job) => {
      const key = keyOf(job);
      await updateItem(deps, key, (stored) => {
        if (stored && stored.time >= job.row.time) return void 0;
        const expiresAt = Math.ceil((deps.clock.now() + ROW_LIFETIME_MS) / 1e3);
        return { key, version: 0, writer: "", job: job.id, time: job.row.time, expiresAt };
      });
    }
  };
}
var keyOf = ({ data: { app, email: email2 } }) => subjectKey(TESTFLIGHT_QUEUE, sha256(`${app}:${email2.toLowerCase()}`).slice(0, 32));

// lib/local/fakes/app-store-connect-token.ts
var import_zod20 = require("zod");
var LONGEST_S = 20 * 60;
var headerSchema = import_zod20.z.object({ alg: import_zod20.z.literal("ES256"), kid: import_zod20.z.string(), typ: import_zod20.z.literal("JWT").optional() });
var claimsSchema = import_zod20.z.object({ iss: import_zod20.z.string(), aud: import_zod20.z.string(), iat: import_zod20.z.number(), exp: import_zod20.z.number() });

// lib/local/fakes/control.ts
var import_zod22 = require("zod");

// lib/local/fakes/failures.ts
var import_zod21 = require("zod");
var times = import_zod21.z.union([import_zod21.z.number().int().min(1), import_zod21.z.literal("forever")]);
var failureSchema = import_zod21.z.strictObject({
  method: import_zod21.z.string().optional(),
  /** Part of the path with its query. */
  path: import_zod21.z.string().optional(),
  bodyContains: import_zod21.z.string().optional(),
  /** How many requests; one where nothing is said. */
  times: times.optional(),
  /** Before anything else. */
  delayMs: import_zod21.z.number().min(0).optional(),
  /** Without taking effect: drop the connection, or never answer. */
  before: import_zod21.z.enum(["reset", "hang"]).optional(),
  /** Takes effect, then: drops the connection, never answers, breaks off inside the answer, or answers `status`. */
  after: import_zod21.z.enum(["reset", "hang", "cut", "answer"]).optional(),
  /** Instead of the vendor's own answer; without `after`, nothing has happened. */
  status: import_zod21.z.number().int().min(200).max(599).optional(),
  headers: import_zod21.z.record(import_zod21.z.string(), import_zod21.z.string()).optional(),
  /** JSON, or text that is sent as it is. */
  body: import_zod21.z.unknown().optional(),
  /** Refuses all connections, whatever the rest says, until the failures are cleared. */
  down: import_zod21.z.literal(true).optional()
});

// lib/local/fakes/control.ts
var ordersSchema = import_zod22.z.string().transform((text2, context2) => {
  try {
    const json = JSON.parse(text2);
    return Array.isArray(json) ? json : [json];
  } catch {
    context2.addIssue({ code: "custom", message: "must be JSON" });
    return import_zod22.z.NEVER;
  }
}).pipe(import_zod22.z.array(failureSchema));

// lib/local/fakes/app-store-connect.ts
function route(model, { method, path, query, body }) {
  const [, before, id2 = "", after] = /^(\/v1\/\w+\/)([^/]+)(\/relationships\/\w+)$/.exec(path) ?? [];
  switch (`${method} ${id2 === "" ? path : `${before}{id}${after}`}`) {
    case "GET /v1/betaTesters":
      return model.findTesters({ email: query["filter[email]"] ?? "", app: query["filter[apps]"] ?? "" });
    case "POST /v1/betaTesters":
      return model.createTester(body);
    case "GET /v1/betaTesters/{id}/relationships/betaGroups":
      return model.groupsOf(id2);
    case "POST /v1/betaGroups/{id}/relationships/betaTesters":
      return model.addToGroup(id2, body);
    case "DELETE /v1/betaGroups/{id}/relationships/betaTesters":
      return model.removeFromGroup(id2, body);
    case "DELETE /v1/apps/{id}/relationships/betaTesters":
      return model.removeFromApp(id2, body);
    case "POST /v1/betaTesterInvitations":
      return model.invite(body);
    case "POST /v1/buildBetaNotifications":
      return model.notifyBuild(body);
    default:
      return refused(404, "PATH_ERROR", { detail: path });
  }
}

// lib/vendors/app-store-connect.ts
var import_zod23 = require("zod");

// lib/vendors/app-store-connect-bodies.ts
var linkage2 = (type, id2) => ({ type, id: id2 });
var testerBody = ({
  email: email2,
  firstName,
  lastName,
  groups: groups2
}) => ({
  data: {
    type: "betaTesters",
    attributes: {
      email: email2,
      ...firstName === void 0 ? {} : { firstName },
      ...lastName === void 0 ? {} : { lastName }
    },
    relationships: { betaGroups: { data: groups2.map((id2) => linkage2("betaGroups", id2)) } }
  }
});
var testersBody = (testers2) => ({ data: testers2.map((id2) => linkage2("betaTesters", id2)) });
var invitationBody = ({ app, tester }) => ({
  data: {
    type: "betaTesterInvitations",
    relationships: {
      app: { data: linkage2("apps", app) },
      betaTester: { data: linkage2("betaTesters", tester) }
    }
  }
});
var buildNotificationBody = (build) => ({
  data: {
    type: "buildBetaNotifications",
    relationships: { build: { data: linkage2("builds", build) } }
  }
});

// lib/vendors/app-store-connect-token.ts
var MINUTE_S = 60;
var LIFETIME_S = 19 * MINUTE_S;
var MARGIN_S = 2 * MINUTE_S;

// lib/vendors/app-store-connect-transport.ts
function answered({ method, expected }, answer, settleMs) {
  if (expected(answer)) return answer;
  if (answer.status < 200 || answer.status > 299) throw new NotOk(answer);
  throw unclear({ effect: effectOf(method), status: answer.status, settleMs });
}
var effectOf = (method) => method === "GET" ? "repeatable" : "once";

// lib/vendors/app-store-connect.ts
var TESTER_STATES = ["NOT_INVITED", "INVITED", "ACCEPTED", "INSTALLED", "REVOKED", "UNKNOWN"];
var MOST = 200;
var attributes = import_zod23.z.object({ email: import_zod23.z.string().optional(), state: import_zod23.z.enum(TESTER_STATES).catch("UNKNOWN") });
var testers = import_zod23.z.object({ data: import_zod23.z.array(import_zod23.z.object({ id: import_zod23.z.string().min(1), attributes })) });
var created2 = import_zod23.z.object({ data: import_zod23.z.object({ id: import_zod23.z.string().min(1) }) });
var linkages = import_zod23.z.object({ data: import_zod23.z.array(import_zod23.z.object({ id: import_zod23.z.string().min(1) })) });
function appStoreConnectOver({ call, waitMs }, settleMs) {
  const parsed3 = (schema2, method, answer) => {
    const result = schema2.safeParse(answer.body);
    if (result.success) return result.data;
    throw unclear({ effect: effectOf(method), status: answer.status, settleMs });
  };
  const change = async (method, path, tester, { timeoutMs }) => {
    await call({ method, path, body: testersBody([tester]), timeoutMs, expected: is(202, 204) });
  };
  return {
    waitMs,
    findTester: async ({ email: email2, app }, { timeoutMs }) => {
      const query = new URLSearchParams({
        "filter[email]": email2,
        "filter[apps]": app,
        "fields[betaTesters]": "email,state",
        limit: String(MOST)
      });
      const answer = await call({ method: "GET", path: `/v1/betaTesters?${query}`, timeoutMs, expected: is(200) });
      const tester = parsed3(testers, "GET", answer).data.find(
        ({ attributes: attributes2 }) => attributes2.email?.toLowerCase() === email2.toLowerCase()
      );
      return tester && { id: tester.id, state: tester.attributes.state };
    },
    createTester: async (who, { timeoutMs }) => {
      const body = testerBody(who);
      const answer = await call({ method: "POST", path: "/v1/betaTesters", body, timeoutMs, expected: is(201) });
      return { id: parsed3(created2, "POST", answer).data.id };
    },
    groupsOf: async (tester, { timeoutMs }) => {
      const path = `/v1/betaTesters/${encodeURIComponent(tester)}/relationships/betaGroups?limit=${MOST}`;
      const answer = await call({
        method: "GET",
        path,
        timeoutMs,
        expected: (got) => got.status === 200 || isGone(got)
      });
      return isGone(answer) ? [] : parsed3(linkages, "GET", answer).data.map(({ id: id2 }) => id2);
    },
    addToGroup: ({ tester, group }, options) => change("POST", testersOf("betaGroups", group), tester, options),
    removeFromGroup: ({ tester, group }, options) => change("DELETE", testersOf("betaGroups", group), tester, options),
    removeFromApp: ({ tester, app }, options) => change("DELETE", testersOf("apps", app), tester, options),
    invite: async (who, { timeoutMs }) => {
      const answer = await call({
        method: "POST",
        path: "/v1/betaTesterInvitations",
        body: invitationBody(who),
        timeoutMs,
        expected: (got) => got.status === 201 || conflictOf(got) !== void 0
      });
      return conflictOf(answer) ?? "sent";
    },
    notifyBuild: async (build, { timeoutMs }) => {
      const body = buildNotificationBody(build);
      await call({ method: "POST", path: "/v1/buildBetaNotifications", body, timeoutMs, expected: is(201) });
    }
  };
}
var is = (...statuses) => ({ status }) => statuses.includes(status);
var isGone = (answer) => answer.status === 404 && hasCode(answer, "NOT_FOUND");
var testersOf = (of, id2) => `/v1/${of}/${encodeURIComponent(id2)}/relationships/betaTesters`;
function conflictOf(answer) {
  if (answer.status !== 409) return void 0;
  if (hasCode(answer, "STATE_ERROR.TESTER_INVITE.ALREADY_ACCEPTED")) return "already-accepted";
  return hasCode(answer, "STATE_ERROR.TESTER_INVITE.NO_INSTALLABLE_BUILDS") ? "pending-build" : void 0;
}

// tests/simulation/apple.ts
var SETTLE_MS = 3e4;
function appleOf(world, process2, job) {
  const now = () => world.kernel.now() + process2.skew;
  const call = (made2) => world.call({
    process: process2,
    target: "apple",
    method: nameOf(made2),
    timeoutMs: made2.timeoutMs,
    effect: () => answered(made2, reply(world, job, made2), SETTLE_MS)
  }).catch((error) => {
    throw translate3({ error, effect: effectOf(made2.method), now: now(), settleMs: SETTLE_MS });
  });
  return appStoreConnectOver({ call, waitMs: () => 0 }, SETTLE_MS);
}
function reply({ vendors: { apple }, watch }, job, { method, path, body }) {
  const url = new URL(path, "http://apple");
  const before = { mails: apple.mails.length, testers: apple.testers.length };
  if (body !== void 0 && JSON.stringify(body).includes(FORBIDDEN_TESTER))
    return { status: 403, headers: {}, body: {} };
  const { status, headers: headers2, json } = route(apple, {
    method,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    body: body === void 0 ? "" : JSON.stringify(body)
  });
  if (apple.testers.length > before.testers) watch.effect("tester", job, false);
  if (isOk({ status, headers: headers2 }) && method === "DELETE") watch.effect("removal", job, false);
  if (isOk({ status, headers: headers2 }) && nameOf({ method, path }) === "addToGroup") watch.effect("membership", job, false);
  if (apple.mails.length > before.mails)
    watch.effect(apple.mails.at(-1)?.kind === "build" ? "build mail" : "invitation", job, true);
  return { status, headers: headers2, body: json };
}
var NAMES = [
  ["findTester", /^GET \/v1\/betaTesters\?/],
  ["createTester", /^POST \/v1\/betaTesters$/],
  ["groupsOf", /^GET \/v1\/betaTesters\//],
  ["addToGroup", /^POST \/v1\/betaGroups\//],
  ["removeFromGroup", /^DELETE \/v1\/betaGroups\//],
  ["removeFromApp", /^DELETE \/v1\/apps\//],
  ["invite", /^POST \/v1\/betaTesterInvitations$/],
  ["notifyBuild", /^POST \/v1\/buildBetaNotifications$/]
];
var nameOf = ({ method, path }) => NAMES.find(([, pattern]) => pattern.test(`${method} ${path}`))?.[0] ?? "other";

// tests/simulation/queues/testflight.ts
var appOf = ({ kind: kind2, group }) => APPS[kind2 === "build" ? group % 2 : group % APPS.length] ?? APPS[0];
function addressOf({ kind: kind2 }, index) {
  switch (kind2) {
    case "refused":
      return NO_TESTER;
    case "forbidden":
      return FORBIDDEN_TESTER;
    case "removal":
      return leaver(index);
    case "resend":
      return invited(index);
    default:
      return `${MARK}-${index}@example.com`;
  }
}
var invitation = (spec, index) => ({
  app: appOf(spec).id,
  email: addressOf(spec, index),
  firstName: `${MARK} ${spec.kind}`,
  groups: appOf(spec).groups,
  ...spec.kind === "resend" ? { resend: true } : {},
  ...index % 2 === 0 ? { notification: { appName: "Sample", message: `${MARK} message` } } : {}
});
var removal = (spec, index) => {
  const of = { app: appOf(spec).id, email: addressOf(spec, index) };
  return leavesApp(index) ? { ...of, from: "app" } : { ...of, from: "groups", groups: leftGroups(spec) };
};
var leavesApp = (index) => index % 2 === 0;
var leftGroups = (spec) => appOf(spec).groups.slice(0, 1);
function contract2(world, process2, { table, clock, random }) {
  const made2 = (job) => testflightContract({
    appStoreConnect: appleOf(world, process2, job),
    sendgrid: sendgridOf(world, process2),
    subjects: createSubjects({ table, clock, random }),
    config: {
      from: { email: "support@example.com" },
      brand: "Example",
      notificationWaitMs: 9e5,
      settleMs: SETTLE_MS
    }
  });
  const whole2 = made2("");
  const types = Object.entries(whole2.types).map(([name, type]) => {
    const process3 = (job, context2) => made2(job.id).types[name]?.process(job, context2) ?? Promise.resolve();
    return [name, { ...type, process: process3 }];
  });
  return { ...whole2, types: Object.fromEntries(types) };
}
var testflight = {
  name: TESTFLIGHT_QUEUE,
  settings: {
    type: "fifo",
    retention: 1209600,
    dlqRetention: 1209600,
    visibility: 300,
    receives: 3,
    ordered: true
  },
  functionTimeoutMs: 45e3,
  batches: [1],
  kinds: [
    ...["good", "removal", "resend", "build", "newer", "kills-before", "kills-after"],
    ...["refused", "forbidden"],
    ...["not-json", "no-envelope", "bad-data", "unknown-version", "stolen-id", "copy"]
  ],
  type: TESTFLIGHT_INVITE,
  newerType: "testflight.invite.v2",
  contract: (world, process2, ports) => withKillers(process2, contract2(world, process2, ports)),
  data: invitation,
  group: (spec) => appOf(spec).id,
  submit: (deps, { spec, index, key, type }) => {
    const { id: app, builds } = appOf(spec);
    if (spec.kind === "removal") return createProducer(deps).removeTester(removal(spec, index), { key });
    if (spec.kind === "build") return createProducer(deps).notifyBuild({ app, build: builds[0] ?? "" }, { key });
    if (type === TESTFLIGHT_INVITE) return createProducer(deps).invite(invitation(spec, index), { key });
    return submitted(deps, {
      queue: TESTFLIGHT_QUEUE,
      type,
      data: invitation(spec, index),
      group: app,
      key
    });
  },
  provenBy: { invitation: "invitation", notification: "build mail" },
  wrong: ({ vendors: { apple }, watch }, id2, spec, index) => {
    if (spec.kind === "build") return watch.happened("build mail", id2) ? void 0 : "nobody was told of the build";
    const app = appOf(spec);
    const address2 = addressOf(spec, index);
    const tester = apple.testers.find(({ app: of, email: email2 }) => of === app.id && email2 === address2);
    if (spec.kind === "removal") {
      const isIn = leavesApp(index) ? tester !== void 0 : tester?.groups.includes(leftGroups(spec)[0] ?? "");
      return isIn ? "the tester is still there" : void 0;
    }
    if (tester?.groups.length !== app.groups.length) return "the tester is not in the groups";
    const mailed = spec.kind === "resend" ? watch.happened("invitation", id2) : apple.mails.some(({ app: of, email: email2 }) => of === app.id && email2 === address2);
    return app.builds.length > 0 && !mailed ? "nobody was invited" : void 0;
  }
};

// tests/simulation/queues.ts
var QUEUES = [feedback, emails, campaigns2, testflight, analytics, bulkFifo, bulkStandard];
var SIMULATIONS = [
  ...QUEUES.map((queue) => ({ name: queue.name, queues: [queue] })),
  { name: "together", queues: [feedback, campaigns2, testflight, analytics] }
];
var queueNamed = (name) => named(QUEUES, name);
function named(all, name) {
  const found2 = all.find((one) => one.name === name);
  if (!found2) throw new Error(`nothing of the name ${name} is simulated`);
  return found2;
}

// tests/simulation/released/entry.ts
var COMMANDS = { cancel, retry, discard };
var revision = "28eb1b2";
var kinds = Object.fromEntries(
  SIMULATIONS.flatMap(({ queues }) => queues).map((queue) => [queue.name, queue.kinds])
);
var open = (host) => {
  const ports = Object.fromEntries(
    Object.entries(host.ports).map(([name, port]) => [name, failing(port)])
  );
  const world = worldOf(host);
  const { queue } = world;
  const deps = reconcilerDeps(world, ports);
  const process2 = { name: "", alive: true, ...host.process };
  const rowKey = (id2) => jobKey(serviceQueue(world), id2);
  return {
    handle: (event, remainingMs) => {
      const contract3 = queue.contract(world, process2, ports);
      const known2 = contract3.types[queue.type];
      const types = host.newer && known2 ? { [queue.newerType]: known2 } : {};
      return handleBatch({
        deps: workerDeps(world, ports),
        contract: { ...contract3, types: { ...contract3.types, ...types } },
        event,
        remainingMs
      });
    },
    reconcile: (times2) => reconcile(deps, times2),
    command: (what, id2) => answered2(async () => {
      const row2 = await deps.ledger.get(rowKey(id2));
      if (row2) await COMMANDS[what](deps, row2);
    }),
    settle: (id2, step, as) => answered2(async () => {
      const row2 = await deps.ledger.get(rowKey(id2));
      if (row2?.state !== "held" || row2.steps[step]?.status !== "unknown") return false;
      await settle(deps, { row: row2, step, as: as() });
      return true;
    }),
    control: (id2, what) => answered2(async () => {
      await campaigns(deps)[what](id2);
    }),
    takeEvents: (events) => answered2(async () => {
      await takeEvents(deps, events);
    }),
    submit: ({ spec, ...job }) => answered2(
      () => queue.submit(
        {
          ...ports,
          prefix: "jobs",
          source: "/sim/api",
          queueUrl: () => urlOf(mainQueue(world)),
          settings: () => world.settings
        },
        { spec, ...job },
        world
      )
    )
  };
};
function worldOf({ lanes, lane, start, now, share, call, vendors, effect, accepted }) {
  const shared = {
    plan: { start, share },
    mutant: void 0,
    kernel: { now },
    // The host reports SendGrid's events, so the released code does not.
    chance: { between: () => 1 },
    vendors,
    watch: { effect },
    onMails: [accepted],
    call: (given) => call(given).catch(rethrow)
  };
  const all = [];
  for (const { queue, settings } of lanes)
    all.push({ ...shared, queue: queueNamed(queue), settings, lanes: all });
  return all.find(({ queue }) => queue.name === lane);
}
function failing(port) {
  const methods = Object.entries(port).map(([name, method]) => [
    name,
    (...given) => {
      const result = method(...given);
      return result instanceof Promise ? result.catch(rethrow) : result;
    }
  ]);
  return Object.fromEntries(methods);
}
function rethrow(error) {
  const given = error;
  switch (given.failure) {
    case "store":
      throw new StoreError(given);
    case "silence":
      throw new NoAnswer({ ...given, code: "simulated" });
    case "answer":
      throw new NotOk(given);
    default:
      throw error;
  }
}
async function answered2(run2) {
  try {
    return { answer: await run2() };
  } catch (error) {
    if (error instanceof StoreError) return { refused: "store", code: error.code, message: error.message };
    if (error instanceof OperatorError) return { refused: "command", code: error.name, message: error.message };
    throw error;
  }
}
// Annotate the CommonJS export names for ESM import in node:
0 && (module.exports = {
  kinds,
  open,
  revision
});
