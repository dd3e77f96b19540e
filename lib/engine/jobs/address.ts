import { domainToASCII, domainToUnicode } from 'node:url';
import { unicodeForm } from '../../platform/normalise';

/** A domain that has one form. Unicode's way to find it costs more than the rest of a job's hashes. */
const PLAIN = /^(?!.*xn--)[a-z\d.-]+\.[a-z]{2,}$/;

/**
 * The mailbox of an address. One mailbox is one person: neither case, nor Unicode's forms of a letter, nor what follows
 * a `+` counts, because most providers deliver `user+anything` to `user`.
 */
export function mailboxOf(email: string): string {
  const form = unicodeForm(email.trim(), 'NFKC').toLowerCase();
  const at = form.lastIndexOf('@');
  const domain = form.slice(at + 1);
  return `${form.slice(0, at).replace(/(?<=.)\+.*/, '')}@${PLAIN.test(domain) ? domain : domainToUnicode(domain) || domain}`;
}

const MAY_HOLD = /[@\uff20\ufe6b%\\&]/;
/** Of URLs, JSON in JSON, and HTML. A run of backslashes is matched whole, or a long one would be read once for each. */
const ESCAPES = /(?:%[\da-f]{2})+|\\+(?:u([\da-f]{4})|[bfnrt])?|&amp;|&#(?:x([\da-f]{1,5})|(\d{1,6}));/gi;
/** A link in a link in a text is escaped so often. */
const MOST_ROUNDS = 4;

function unescaped(text: string): string {
  const once = (all: string, unit?: string, hex?: string, decimal?: string): string => {
    if (unit ?? hex) return String.fromCodePoint(Number.parseInt(unit ?? hex ?? '', 16));
    if (decimal) return String.fromCodePoint(Number(decimal));
    if (all.startsWith('&')) return '&';
    if (all.endsWith('\\')) return all;
    return all.startsWith('%') ? Buffer.from(all.replaceAll('%', ''), 'hex').toString('utf8') : ' ';
  };
  let plain = text;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = plain.replace(ESCAPES, once);
    if (next === plain) break;
    plain = next;
  }
  return plain;
}

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
const SIGN = '[\\p{L}\\p{N}\\p{M}]';

/**
 * Tells whether a text holds an address of this mailbox: in a sentence, in brackets, a query or a path, escaped as in
 * URLs, JSON or HTML. An address that only begins or ends like it is another one. Strangers write these texts, so twice
 * the text takes twice the time.
 */
export function holdsAddress(email: string): (text: string) => boolean {
  const mailbox = mailboxOf(email);
  const at = mailbox.lastIndexOf('@');
  const domain = mailbox.slice(at + 1);
  const domains = [...new Set([domain, domainToASCII(domain) || domain])].map(literal).join('|');
  const local = `(?<!${SIGN}|${SIGN}[._+'-])${literal(mailbox.slice(0, at))}(?:\\+[\\p{L}\\p{N}\\p{M}._+=~-]*)?`;
  // It looks back from each @. From each local part, it would read all that may be a tag again.
  const whole = new RegExp(`(?<=${local})@(?:${domains})(?!_|[.-]?${SIGN})`, 'u');
  return (text) => MAY_HOLD.test(text) && whole.test(unicodeForm(unescaped(text), 'NFKC').toLowerCase());
}
