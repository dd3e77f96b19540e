import { isBlank } from '../../platform/text';

/** `{{name}}`, or `{{name|there}}` with a fallback. */
const PLACEHOLDER = /\{\{([^{}|]{1,100})(?:\|([^{}]{0,255}))?\}\}/g;
/** SendGrid takes no more words for a recipient in a mail without a dynamic template. */
export const MAX_DATA_BYTES = 10_000;
/** The length of a link that is filled in. A request has to hold a thousand of them. */
const MAX_LINK = 2_000;

const PLAIN = `must be text, numbers or booleans where there is no templateId, at most ${MAX_DATA_BYTES} bytes with {{}} around each name`;

interface Person {
  name?: string | undefined;
  data?: Record<string, unknown> | undefined;
}

/** What a program writes: the mail itself, or a dynamic template and what it needs. */
export interface Words extends Partial<Record<'templateId' | 'subject' | 'text' | 'html', string | undefined>> {
  templateKeys?: readonly string[] | undefined;
  unsubscribe?: { link: string } | { group: number } | undefined;
}

/** A field and its rule. `missing`: the name without a value. */
type Unfit = { path: string[]; rule: string; missing?: string };

const placeholdersOf = (text: string) =>
  [...text.matchAll(PLACEHOLDER)].map(([written, name = '', fallback]) => ({
    written,
    name: name.trim(),
    fallback: fallback?.trim(),
  }));

/** Whether people would read braces, because these begin no placeholder. */
export const hasLooseBraces = (text: string): boolean => text.replace(PLACEHOLDER, '{}').includes('{{');

/** Whether a link differs for each person. */
export const isPersonal = (link: string): boolean => placeholdersOf(link).some((one) => one.fallback === undefined);

const isWord = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);

/** The value of a name, in any case. `undefined`: there is none, or it is blank. */
function valueFor({ name: own, data = {} }: Person, name: string): unknown {
  const wanted = name.toLowerCase();
  const key = Object.hasOwn(data, name) ? name : Object.keys(data).find((each) => each.trim().toLowerCase() === wanted);
  const value = key === undefined ? undefined : data[key];
  if (value !== null && value !== undefined && !(typeof value === 'string' && isBlank(value))) return value;
  return wanted === 'name' ? own : undefined;
}

function wordOf(person: Person, { name, fallback }: { name: string; fallback: string | undefined }) {
  const value = valueFor(person, name);
  return isWord(value) ? String(value) : fallback;
}

/**
 * SendGrid puts words in as they are, and then those that they name. So the subject gets no line breaks, HTML no
 * mark-up, and no word names another. They are not escaped, because the same words stand in the plain text.
 */
function harmless(word: string, { inSubject, inHtml }: { inSubject: boolean; inHtml: boolean }): string {
  const plain = word.replaceAll('{{', '{ {');
  const line = inSubject ? plain.replace(/\s+/g, ' ') : plain;
  return inHtml ? line.replace(/[<>"]/g, ' ').replaceAll("'", '’') : line;
}

function linkOf(unsubscribe: Words['unsubscribe']) {
  const link = unsubscribe && 'link' in unsubscribe ? unsubscribe.link : '';
  const tags = placeholdersOf(link);
  const linkFor = (person: Person): string => {
    const words = tags.map((one) => wordOf(person, one) ?? '');
    return link.replace(PLACEHOLDER, () => encodeURIComponent(words.shift() ?? ''));
  };
  const unfit = (person: Person): Unfit | undefined => {
    // It cannot be encoded, which would fail the whole chunk.
    const broken = tags.find((one) => !wordOf(person, one)?.isWellFormed());
    if (broken) return { path: ['data', broken.name], rule: 'must be well-formed Unicode' };
    const rule = `makes the unsubscribe link longer than ${MAX_LINK} characters`;
    return linkFor(person).length > MAX_LINK ? { path: ['data'], rule } : undefined;
  };
  return { tags, linkFor, unfit };
}

/**
 * Fills in a mail. Without a dynamic template SendGrid replaces words, but knows no fallback and no name in another case.
 * So it gets each placeholder as a number, and for each recipient the words that we chose.
 */
export function mergeOf(given: Words) {
  const { templateId, templateKeys = [], subject = '', text = '', html = '' } = given;
  const { linkFor, ...link } = linkOf(given.unsubscribe);
  const found = templateId === undefined ? placeholdersOf(`${subject}\n${text}\n${html}`) : [];
  const tags = [...new Map(found.map((one) => [one.written, one])).values()].map((one) => ({
    ...one,
    inSubject: subject.includes(one.written),
    inHtml: html.includes(one.written),
  }));
  const numbers = new Map(tags.map(({ written }, at) => [written, at + 1]));
  const numbered = (words: string) =>
    words.replace(PLACEHOLDER, (written) => `{{${numbers.get(written)}}}`) || undefined;
  const wordsOf = (person: Person): Record<string, string> =>
    Object.fromEntries(tags.map((tag, at) => [at + 1, harmless(wordOf(person, tag) ?? '', tag)]));

  /** The words, or the data of a dynamic template. */
  function dataFor(person: Person): Record<string, unknown> | undefined {
    if (templateId === undefined) return tags.length > 0 ? wordsOf(person) : undefined;
    if (templateKeys.length === 0) return person.data;
    return { ...person.data, ...Object.fromEntries(templateKeys.map((key) => [key, valueFor(person, key)])) };
  }

  return {
    content: { subject: numbered(subject), text: numbered(text), html: numbered(html) },
    linkFor,
    dataFor,
    /** What a person will read. SendGrid has the dynamic templates, so of these only the data is known, and `note` says so. */
    previewFor(person: Person) {
      const data = dataFor(person);
      const filled = (words: string) =>
        numbered(words)?.replace(/\{\{(\d+)\}\}/g, (_, number: string) => String(data?.[number]));
      const note = `SendGrid fills in the dynamic template ${templateId}. It gets this data:`;
      return {
        ...{ subject: filled(subject), text: filled(text), html: filled(html) },
        ...(templateId === undefined ? {} : { templateId, note, data }),
        unsubscribe: linkFor(person) || undefined,
      };
    },
    /** Why the mail cannot be filled in for a person. */
    unfit(person: Person): Unfit | undefined {
      const hasOthers = templateId === undefined && !Object.values(person.data ?? {}).every(isWord);
      // A word takes at least ten bytes.
      if (hasOthers || tags.length > MAX_DATA_BYTES / 10) return { path: ['data'], rule: PLAIN };
      const missing =
        [...tags, ...link.tags].find((one) => wordOf(person, one) === undefined)?.name ??
        templateKeys.find((key) => valueFor(person, key) === undefined);
      if (missing !== undefined)
        return { path: ['data', missing], rule: `must have a value, because {{${missing}}} has no fallback`, missing };
      const bytes = tags.length > 0 ? Buffer.byteLength(JSON.stringify(wordsOf(person))) : 0;
      // Each number gets braces.
      if (bytes + 4 * tags.length > MAX_DATA_BYTES) return { path: ['data'], rule: PLAIN };
      return link.unfit(person);
    },
  };
}
