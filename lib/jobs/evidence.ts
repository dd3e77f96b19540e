import type { Item } from '../ports';
import { evidenceKey, todoKey } from './keys';
import { MAIL_STEPS, type MailQueue } from './mail';
import type { Evidence } from './row';
import { ROW_LIFETIME_MS } from './schedule';

/**
 * The item of evidence that a vendor's event brought. The function that takes events faces the internet and may write no
 * row, so the reconciler writes the evidence into the row (lib/reconcile/fold-evidence.ts).
 */
export const evidenceItem = (queue: MailQueue, id: string, evidence: Evidence): Item => ({
  key: evidenceKey(queue, MAIL_STEPS[queue], id),
  version: 0,
  writer: '',
  evidence,
  todo: todoKey(queue, 'evidence'),
  todoAt: evidence.at,
  expiresAt: Math.ceil((evidence.at + ROW_LIFETIME_MS) / 1000),
});
