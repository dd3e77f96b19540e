import type { FeedbackInput } from '../../lib/feedback/message';
import { feedbackContract, mailLimit } from '../../lib/feedback/process';
import { realZendesk } from '../../lib/vendors/zendesk';
import { sharedRate } from '../../lib/worker/rate';
import { startFakeSendgrid } from '../../packages/local/fakes/sendgrid';
import { startFakeZendesk } from '../../packages/local/fakes/zendesk';
import { anEnvelope, type EngineOptions, memoryEngine, PREFIX, watch } from './engine';
import { hashPeople } from './hash-people';
import { watchedSendgrid } from './watched-sendgrid';

export const attachmentKey = `${PREFIX}/_attachments/feedback/screen.png`;

export const aFeedback = (changes: Partial<FeedbackInput> = {}): FeedbackInput => ({
  user: { id: 'user-1', email: 'user@example.com', name: 'A User' },
  subject: 'The export is empty',
  message: 'It was not empty yesterday.',
  ...changes,
});

export const feedbackBody = (changes: Partial<FeedbackInput> = {}, envelope: Record<string, unknown> = {}): string =>
  JSON.stringify(anEnvelope({ type: 'feedback.submitted.v1', data: aFeedback(changes), ...envelope }));

/** The feedback worker over the real adapters and HTTP, against fake vendors on loopback; the rest is in memory. */
export async function startFeedback(options: EngineOptions = {}) {
  // The engine creates the clock, so the fakes read the time later.
  let now = () => Date.now();
  const zendesk = await startFakeZendesk({ now: () => now() });
  const sendgrid = await startFakeSendgrid({ now: () => now() });
  const engine = memoryEngine(({ objects, now: engineNow, ...given }) => {
    now = engineNow;
    const ports = { ...given, table: watch(given.table, 'table', options) };
    return feedbackContract({
      objects: watch(objects, 'objects', options),
      mayConfirm: mailLimit({ ...ports, hashPeople }),
      zendesk: watch(
        realZendesk({ endpoint: zendesk.url, email: 'agent@example.com', token: async () => 'secret', now: engineNow }),
        'zendesk',
        options,
      ),
      sendgrid: watchedSendgrid(sendgrid.url, engineNow, options),
      rate: sharedRate({ ...ports, rate: 100 }, 'sendgrid'),
      clock: ports.clock,
      config: {
        prefix: PREFIX,
        tags: ['app'],
        from: { email: 'support@example.com' },
        brand: 'Sample',
        confirmationWaitMs: 900_000,
      },
    });
  }, options);
  await engine.objects.put(attachmentKey, 'png', 'image/png');
  return {
    engine,
    zendesk,
    sendgrid,
    close: () => Promise.all([zendesk.close(), sendgrid.close()]),
  };
}
