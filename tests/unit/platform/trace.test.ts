import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createProducer } from '../../../packages/producer/client';
import { jobId } from '../../support/engine';
import { feedbackBody, startFeedback } from '../../support/feedback';
import { memoryProducerDeps } from '../../support/producer';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const feedback = { user: { id: 'user-1', email: 'user@example.com' }, subject: 'It works', message: 'Well done.' };

function registered() {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  return exporter;
}
afterEach(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

test('a job carries the context of its send span, which continues the given trace', async () => {
  const exporter = registered();
  const { deps, events } = memoryProducerDeps();

  await createProducer(deps).feedback(feedback, { traceparent });

  const [span] = exporter.getFinishedSpans();
  const { traceId, spanId } = span?.spanContext() ?? {};
  expect(span?.name).toBe('send feedback');
  expect(traceId).toBe('0af7651916cd43dd8448eb211c80319c');
  expect(span?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
  expect(events()).toMatchObject([{ traceparent: `00-${traceId}-${spanId}-01` }]);
});

test('a planned job has a create span', async () => {
  const exporter = registered();
  const { deps, clock } = memoryProducerDeps();

  await createProducer(deps).feedback(feedback, { notBefore: new Date(clock.now() + 3_600_000).toISOString() });

  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['create feedback']);
});

test('a delivery links to the span that sent its job, with steps and calls below it, and no personal data', async () => {
  const exporter = registered();
  const { engine, close } = await startFeedback();

  await engine.sendAndDeliver(feedbackBody({}, { traceparent }));

  await close();
  const spans = exporter.getFinishedSpans();
  const delivery = spans.find(({ name }) => name === 'process feedback');
  expect(delivery?.links.map(({ context: { spanId } }) => spanId)).toEqual(['b7ad6b7169203331']);
  expect(delivery?.attributes).toMatchObject({ 'job.id': jobId(1), 'job.outcome': 'succeeded' });
  expect(delivery?.events.map(({ name }) => name)).toEqual(['job ended']);
  const step = spans.find(({ name }) => name === 'step ticket');
  expect(step?.parentSpanContext?.spanId).toBe(delivery?.spanContext().spanId);
  const traces = spans.map((span) => span.spanContext().traceId);
  expect(new Set(traces).size).toBe(1);
  expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(['call zendesk', 'call sendgrid']));
  const all = JSON.stringify(spans.map(({ name, attributes, events, status }) => [name, attributes, events, status]));
  expect(all).not.toMatch(/example\.com|A User|export|http/);
});
