import type { AnalyticsEvent, EventProblem } from './event';

/** An `@`, also as URLs write it, between two texts of which the second ends like a domain. */
const ADDRESS = /[^\s@](?:@|%40)[^\s@]*\.\p{L}{2}/iu;
const RULE = 'must not look like an e-mail address';

/**
 * The field of a valid event that looks like an e-mail address. For instances that set `analytics.noAddressesFrom`. Like
 * the rules of event.ts, this one never changes: a repeated message must be split the same way.
 */
export function addressProblem(event: AnalyticsEvent): EventProblem | undefined {
  const { user, session, device, properties } = event;
  if (isAddress(user)) return { field: 'user', rule: RULE };
  if (isAddress(session)) return { field: 'session', rule: RULE };
  if (isAddress(device)) return { field: 'device', rule: RULE };
  for (const key in properties) if (isAddress(properties[key])) return { field: `properties.${key}`, rule: RULE };
  return undefined;
}

/** The two searches are faster than the expression, and most texts have no `@`. */
const isAddress = (value: unknown): boolean =>
  typeof value === 'string' && (value.includes('@') || value.includes('%40')) && ADDRESS.test(value);
