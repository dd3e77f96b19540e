import { type AppStoreConnectModel, appStoreConnectModel } from '../../../lib/local/fakes/app-store-connect-model';
import type { Reply } from '../../../lib/local/fakes/exchange';
import { type AcceptedMail, type SendgridModel, sendgridModel } from '../../../lib/local/fakes/sendgrid-model';
import { type ZendeskModel, zendeskModel } from '../../../lib/local/fakes/zendesk-model';
import { MARK } from '../world/watch';
import { APPLE_SEED } from './apple-seed';

/** Whoever has this address is refused by Zendesk, for good. */
export const SUSPENDED = `${MARK}-suspended@example.com`;
/** A ticket with this in its subject is answered 403. */
export const FORBIDDEN_SUBJECT = 'forbidden';
/** SendGrid refuses an address with this for itself, and every request with that in its subject. */
export const NO_MAILBOX = 'no-mailbox';
export const UNSENDABLE = 'unsendable';
/** The sender that SendGrid does not know. */
export const UNVERIFIED = `${MARK}-unverified@example.com`;
/** What the vendors repeat in their errors: no name of a field, so that nobody takes it for one. */
export const VENDOR_SECRET = `Bearer SG.${MARK} of ${MARK}@example.com`;

export interface Vendors {
  zendesk: ZendeskModel;
  sendgrid: SendgridModel;
  apple: AppStoreConnectModel;
  /** Mails of which SendGrid has told, and was heard. */
  told: Set<AcceptedMail>;
}

export const createVendors = (now: () => number): Vendors => ({
  zendesk: zendeskModel({ now, suspended: [SUSPENDED] }),
  sendgrid: sendgridModel({ now, unverified: [UNVERIFIED] }),
  apple: appStoreConnectModel(APPLE_SEED),
  told: new Set(),
});

export const isOk = ({ status }: Reply): boolean => status >= 200 && status <= 299;
