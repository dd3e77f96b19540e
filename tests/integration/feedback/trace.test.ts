import { jobId } from '../../support/engine';
import { feedbackBody, startFeedback } from '../../support/feedback';

type Service = Awaited<ReturnType<typeof startFeedback>>;
const services: Service[] = [];
const start = async (options: Parameters<typeof startFeedback>[0] = {}): Promise<Service> => {
  const service = await startFeedback(options);
  services.push(service);
  return service;
};
afterEach(async () => {
  await Promise.all(services.splice(0).map(({ close }) => close()));
});

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const trace = { correlationId: 'request-1', traceparent };
const traced = { correlationid: 'request-1', traceparent };

const ticketRequests = ({ zendesk }: Service) =>
  zendesk.requests.filter(({ method, path }) => method === 'POST' && path.includes('tickets'));

test("a caller's ids reach the worker's log, the record, the ticket and the mail", async () => {
  const service = await start();
  const { engine, sendgrid } = service;
  engine.send(feedbackBody({}, traced));

  await engine.deliver(1);

  const handled = engine.lines.find(({ message }) => message === 'delivery handled');
  expect(handled?.facts).toMatchObject(trace);
  expect(Object.values(engine.records())).toMatchObject([trace]);
  expect(JSON.parse(ticketRequests(service)[0]?.body ?? '')).toMatchObject({ ticket: { metadata: trace } });
  expect(sendgrid.mails[0]?.customArgs).toMatchObject({ job: jobId(1), ...trace });
});
