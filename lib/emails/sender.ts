import { PermanentError } from '../errors';

/**
 * Refuses a sender whose domain the instance does not list. Clients may share a vendor's account, which accepts the
 * senders of all of them. An empty list allows every sender. Throws a PermanentError.
 */
export function checkSender(domains: readonly string[], { email }: { email: string }): void {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  if (domains.length === 0 || domains.includes(domain)) return;
  throw new PermanentError({
    code: 'SenderNotAllowed',
    message: 'data.from.email: its domain is not one of the sender domains of this instance',
    field: 'data.from.email',
  });
}
