import { sharedRate } from '../../lib/mail/rate';
import type { FeedbackInput } from '../../lib/queues/feedback/message';
import { feedbackContract, mailLimit } from '../../lib/queues/feedback/process';
import { realZendesk } from '../../lib/queues/feedback/zendesk';
import { startFakeSendgrid } from '../../packages/local/fakes/sendgrid';
import { startFakeZendesk } from '../../packages/local/fakes/zendesk';
import { anEnvelope, type EngineOptions, memoryEngine, PREFIX, watch } from './engine';
import { hashPeople } from './hash-people';
import { memoryClock } from './memory-clock';
import { SUPPORT, watchedSendgrid } from './watched-sendgrid';

export const attachmentKey = `${PREFIX}/_attachments/feedback/by/a/screen.png`;

export const aFeedback = (changes: Partial<FeedbackInput> = {}): FeedbackInput => ({
  user: { id: 'user-1', email: 'user@example.com', name: 'A User' },
  subject: 'The export is empty',
  message: 'It was not empty yesterday.',
  ...changes,
});

/** A user of this job alone, so that no limit of mails counts its other jobs. */
export const ownUser = (id: string) => ({ user: { id, email: `${id}@example.com`, name: 'A User' } });

export const feedbackBody = (changes: Partial<FeedbackInput> = {}, envelope: Record<string, unknown> = {}): string =>
  JSON.stringify(anEnvelope({ type: 'feedback.submitted.v1', data: aFeedback(changes), ...envelope }));

/** The contract of the feedback worker of a sample instance. `waitMs`: how long a confirmation may wait. */
export const sampleFeedback = (
  deps: Omit<Parameters<typeof feedbackContract>[0], 'config' | 'hashPeople'>,
  waitMs = 900_000,
) =>
  feedbackContract({
    ...deps,
    hashPeople,
    config: { prefix: PREFIX, tags: ['app'], from: SUPPORT, brand: 'Sample', confirmationWaitMs: waitMs },
  });

/** The feedback worker over the real adapters and HTTP, against fake vendors on loopback; the rest is in memory. `waitMs`: as above. */
export async function startFeedback(options: EngineOptions & { waitMs?: number } = {}) {
  const { clock = memoryClock() } = options;
  const { now } = clock;
  const [zendesk, sendgrid] = await Promise.all([startFakeZendesk({ now }), startFakeSendgrid({ now })]);
  const adapter = realZendesk({ endpoint: zendesk.url, email: 'agent@example.com', token: async () => 'secret', now });
  const engine = memoryEngine(
    (ports) =>
      sampleFeedback(
        {
          ...ports,
          mayConfirm: mailLimit({ ...ports, hashPeople }),
          zendesk: watch(adapter, 'zendesk', options),
          sendgrid: watchedSendgrid(sendgrid.url, now, options),
          rate: sharedRate({ ...ports, rate: 100 }, 'sendgrid'),
        },
        options.waitMs,
      ),
    { ...options, clock },
  );
  await engine.objects.put(attachmentKey, 'png', 'image/png');
  return { engine, zendesk, sendgrid, close: () => Promise.all([zendesk.close(), sendgrid.close()]) };
}
