/** SendGrid's limit for the substitutions of one recipient, in bytes of JSON. */
const MOST_BYTES = 10_000;

type Data = Record<string, unknown>;

/**
 * The words that replace `{{name}}` in a mail without a template, for each recipient, and the HTML that names them.
 * SendGrid puts words in as they are. So words in the subject get no line breaks, and words in the HTML no mark-up. A
 * word with mark-up has an escaped form under its own name for the HTML, because the text shows it as it is.
 */
export function wordsFor(
  { subject = '', html }: { subject?: string | undefined; html?: string | undefined },
  people: readonly (Data | undefined)[],
): { html: string | undefined; words: (Record<string, string> | undefined)[] } {
  const inSubject = namesIn(subject);
  const plain = people.map(
    (data) =>
      data && mapped(data, (value, name) => (inSubject.has(name) ? String(value).replace(/\s+/g, ' ') : String(value))),
  );
  const marked = [...namesIn(html ?? '')].filter((name) =>
    plain.some((one) => one?.[name] && /[<>"'&]/.test(one[name])),
  );
  if (html === undefined || marked.length === 0) return { html, words: plain };
  const own = new Set(marked.map(htmlName));
  const both = plain.map(
    (one) =>
      one && {
        ...Object.fromEntries(Object.entries(one).filter(([name]) => !own.has(name))),
        ...escapedOf(one, marked),
      },
  );
  if (both.some((one) => one && tooLarge(one)))
    // Both forms would not fit, and SendGrid would refuse all recipients of the request.
    return { html, words: plain.map((one) => one && mapped(one, (word, name) => bare(word, marked.includes(name)))) };
  const renamed = html.replace(NAME, (tag, name: string) => (marked.includes(name) ? `{{${htmlName(name)}}}` : tag));
  return { html: renamed, words: both };
}

const NAME = /\{\{([^{}]+)\}\}/g;

/** The library writes `{{` and `}}` around each name. */
const tooLarge = (words: Record<string, string>): boolean =>
  Buffer.byteLength(JSON.stringify(words)) + 4 * Object.keys(words).length > MOST_BYTES;

const namesIn = (text: string): Set<string> => new Set([...text.matchAll(NAME)].map(([, name = '']) => name));
const htmlName = (name: string): string => `html:${name}`;
const mapped = <V>(data: Record<string, V>, change: (value: V, name: string) => string): Record<string, string> =>
  Object.fromEntries(Object.entries(data).map(([name, value]) => [name, change(value, name)]));

const escapedOf = (words: Record<string, string>, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => (Object.hasOwn(words, name) ? [[htmlName(name), escaped(words[name])]] : [])),
  );

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (word = ''): string => word.replace(/[&<>"']/g, (mark) => ENTITIES[mark] ?? mark);
const bare = (word: string, marked: boolean): string => (marked ? word.replace(/[<>"]/g, ' ') : word);
