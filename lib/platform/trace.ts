import {
  type Attributes,
  context,
  isSpanContextValid,
  type Link,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { codeOf } from './errors';

/**
 * All names and attributes of our spans. The messaging ones follow OpenTelemetry's semantic conventions 1.45, which
 * call them "in development". Spans name ids, states and codes, and never addresses, texts, bodies or URLs.
 *
 * Without a provider that the process has registered, the API makes no span, and the context of a job stays as given.
 */
const ATTRIBUTE = {
  system: 'messaging.system',
  operation: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  messageId: 'messaging.message.id',
  error: 'error.type',
  job: 'job.id',
  type: 'job.type',
  attempts: 'job.attempts',
  receives: 'job.receive_count',
  outcome: 'job.outcome',
  reason: 'job.reason',
  step: 'job.step',
  vendor: 'job.vendor',
} as const;

/** The kinds of spans. Their names are `{operation} {queue}`, `step {step}` and `call {vendor}`. */
const KIND = {
  create: SpanKind.PRODUCER,
  send: SpanKind.PRODUCER,
  process: SpanKind.CONSUMER,
  step: SpanKind.INTERNAL,
  call: SpanKind.CLIENT,
} as const;

type Operation = keyof typeof KIND;

/** The event of a delivery's span that says how it left the job. */
const EVENTS: Record<string, string> = { held: 'job held', retry: 'job retried' };
const ENDED = 'job ended';

const tracer = () => trace.getTracer('background-jobs');

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** `undefined` if there is none, or if it names no span. */
function contextOf(traceparent: string | undefined): SpanContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  const found = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(found) ? found : undefined;
}

const linksTo = (traceparents: readonly (string | undefined)[]): Link[] =>
  traceparents.flatMap((each) => contextOf(each) ?? []).map((found) => ({ context: found }));

/** The W3C trace context of a span. That of its parent if nothing records it. */
function traceparentOf(span: Span, given?: string): string | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext();
  if (!isSpanContextValid(span.spanContext()) || contextOf(given)?.spanId === spanId) return given;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

const messaging = (operation: 'create' | 'send' | 'process', queue: string): Attributes => ({
  [ATTRIBUTE.system]: 'aws_sqs',
  [ATTRIBUTE.operation]: operation,
  [ATTRIBUTE.operationType]: operation,
  [ATTRIBUTE.destination]: queue,
});

function failed(span: Span, code: string): void {
  span.setAttribute(ATTRIBUTE.error, code);
  // No message: that of a foreign error may quote a person.
  span.setStatus({ code: SpanStatusCode.ERROR });
}

async function within<R>(span: Span, work: () => Promise<R>): Promise<R> {
  return context.with(trace.setSpan(context.active(), span), work);
}

async function ended<R>(span: Span, work: () => Promise<R>): Promise<R> {
  try {
    return await within(span, work);
  } catch (error) {
    failed(span, codeOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** The context that `given` names if the caller gave it, else the active one. */
function parentOf(given: string | undefined) {
  const remote = contextOf(given);
  const active = trace.getActiveSpan()?.spanContext();
  // A caller that traces itself often passes on the header that its own span continues.
  if (!remote || remote.traceId === active?.traceId) return context.active();
  return trace.setSpanContext(context.active(), remote);
}

type Sending = { queue: string; type: string; id?: string | undefined; traceparent?: string | undefined };

/** Runs `work` in the span that hands a job over. It gets the trace context that the job carries on. */
export async function tracedSending<R>(
  operation: 'create' | 'send',
  { queue, type, traceparent }: Sending,
  work: (traceparent: string | undefined) => Promise<R>,
  facts: (result: R) => { id?: string | undefined; messageId?: string | undefined },
): Promise<R> {
  const attributes = { ...messaging(operation, queue), [ATTRIBUTE.type]: type };
  const span = tracer().startSpan(
    `${operation} ${queue}`,
    { kind: KIND[operation], attributes },
    parentOf(traceparent),
  );
  return ended(span, async () => {
    const result = await work(traceparentOf(span, traceparent));
    const { id, messageId } = facts(result);
    span.setAttributes({ [ATTRIBUTE.job]: id, [ATTRIBUTE.messageId]: messageId });
    return result;
  });
}

/** The trace context of a message that is made now and sent later, in no caller's name. */
export function tracedMessage({ queue, type, id }: Sending): string | undefined {
  const attributes = { ...messaging('create', queue), ...{ [ATTRIBUTE.type]: type, [ATTRIBUTE.job]: id } };
  const span = tracer().startSpan(`create ${queue}`, { kind: KIND.create, attributes, root: true });
  span.end();
  return traceparentOf(span);
}

/** A step of a job, or a call to a vendor, as a child of the delivery's span. */
const child = async <R>(operation: Operation, name: string, attributes: Attributes, work: () => Promise<R>) =>
  ended(tracer().startSpan(`${operation} ${name}`, { kind: KIND[operation], attributes }), work);

export const tracedStep = <R>(step: string, work: () => Promise<R>): Promise<R> =>
  child('step', step, { [ATTRIBUTE.step]: step }, work);

export const tracedVendor = <R>(vendor: string, work: () => Promise<R>): Promise<R> =>
  child('call', vendor, { [ATTRIBUTE.vendor]: vendor }, work);

/** What is known at the end of a delivery. `outcome`: `retry`, the state of the job, or why the message ran none. */
interface Delivered {
  outcome: string;
  job?: string | undefined;
  type?: string | undefined;
  traceparent?: string | undefined;
  reason?: string | undefined;
  code?: string | undefined;
  attempts?: number | undefined;
}

/** The span of one delivery. It links to the span that sent the job, and has its own trace or that of Lambda. */
export interface DeliverySpan {
  within<R>(work: () => Promise<R>): Promise<R>;
  end(delivered: Delivered): void;
}

export function deliverySpan(queue: string, message: { messageId: string; receiveCount: number }): DeliverySpan {
  const { messageId, receiveCount } = message;
  const attributes = {
    ...messaging('process', queue),
    [ATTRIBUTE.messageId]: messageId,
    [ATTRIBUTE.receives]: receiveCount,
  };
  const span = tracer().startSpan(`process ${queue}`, { kind: KIND.process, attributes });
  return {
    within: (work) => within(span, work),
    end({ outcome, job, type, traceparent, reason, code, attempts }) {
      const facts = { [ATTRIBUTE.reason]: reason, [ATTRIBUTE.error]: code };
      span.addLinks(linksTo([traceparent]));
      span.setAttributes({
        ...facts,
        ...{ [ATTRIBUTE.job]: job, [ATTRIBUTE.type]: type, [ATTRIBUTE.attempts]: attempts },
        [ATTRIBUTE.outcome]: outcome,
      });
      if (job !== undefined) span.addEvent(EVENTS[outcome] ?? ENDED, { ...facts, [ATTRIBUTE.outcome]: outcome });
      if (code !== undefined || outcome === 'retry') failed(span, code ?? outcome);
      span.end();
    },
  };
}
