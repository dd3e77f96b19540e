import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { environmentSchemas, secret } from '../../../lib/config/functions';
import { readDefaults, readInstance } from '../../../resources/instances/read';
import { missing, secretsOf, valueAt } from '../../../resources/instances/rules';
import { withTexts } from '../../../resources/values';

interface ServiceFile {
  provider: { environment: Record<string, string> };
  functions: Record<string, { environment?: string }>;
}

const yaml = (file: string) => parse(readFileSync(file, 'utf8'), { logLevel: 'silent' });
const { provider, functions } = yaml('serverless.yml') as ServiceFile;

/** The own variables of a function, each with the path of its setting. */
function ownOf(key: string): Record<string, string> {
  const [, file] = /file\((.+)\)/.exec(functions[key]?.environment ?? '') ?? [];
  const texts = Object.entries((file ? yaml(file).environment : {}) as Record<string, string>);
  return Object.fromEntries(texts.map(([name, text]) => [name, /instance\.([\w.]+)/.exec(text)?.[1] ?? '']));
}

/** npm start sets the first, and the AWS library for logs reads the second. */
const OTHERS = ['RECONCILE_EVERY', 'POWERTOOLS_SERVICE_NAME'];

const pathsOf = (settings: [name: string, path: string][]) => settings.map(([, path]) => path).sort();

describe.each(Object.entries(environmentSchemas))('the function %s', (key, { shape }) => {
  const own = ownOf(key);

  test('gets each variable that it reads, and no other one', () => {
    const given = [...Object.keys(provider.environment), ...Object.keys(own)];

    expect(new Set([...given, ...OTHERS])).toEqual(new Set([...Object.keys(shape), ...OTHERS]));
  });

  test('needs the settings of its required variables, and may read those of its secrets', () => {
    const settings = Object.entries(own).filter(([, path]) => /\.|hashKey/.test(path));
    const isRequired = ([name, path]: [string, string]) =>
      !valueAt(readDefaults(), path) && !shape[name]?.safeParse(undefined).success;
    const needed = missing({ stage: 'local' }, [key]).map(({ path }) => path);
    const secrets = settings.filter(([name]) => shape[name] === secret);
    const found = secretsOf(readInstance('mht-api'), [key]).map(({ path }) => path);

    expect(needed.sort()).toEqual(pathsOf(settings.filter(isRequired)));
    expect(found.sort()).toEqual(pathsOf(secrets));
  });
});

test('lists and tables of names are text in a variable', () => {
  const templates = { feedbackByLanguage: { de: 'd-2', 'pt-BR': 'd-3' } };

  expect(withTexts({ tags: ['a', 'b'], templates })).toEqual({
    tags: 'a,b',
    templates: { feedbackByLanguage: 'de=d-2,pt-BR=d-3' },
  });
});
