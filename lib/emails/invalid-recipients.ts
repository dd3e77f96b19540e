/** The recipients cannot be taken as a whole. The message names the rule and where, never a value. */
export class InvalidRecipientsError extends Error {
  override readonly name = 'InvalidRecipientsError';
}
