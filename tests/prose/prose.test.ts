import { passagesOfCode, passagesOfMarkdown, passagesOfYaml } from './passages';
import { problemsOf } from './rules';

const inCode = (source: string) => passagesOfCode(source).flatMap(problemsOf);
const inDocument = (source: string) => passagesOfMarkdown(source).flatMap(problemsOf);
const longSentence = `${'word '.repeat(31)}end.`;

test('a refused word is found in a comment, a message and a test title, with its line', () => {
  expect(inCode("const a = 1;\n// Somebody wrote this.\nthrow new Error('this job belongs to nobody');")).toEqual([
    { line: 2, problem: expect.stringContaining('"Somebody"') },
    { line: 3, problem: expect.stringContaining('"nobody"') },
  ]);
  expect(inCode("test('a job that was mended by hand is done', () => {});")).toMatchObject([{ line: 1 }]);
});

test('a refused word is found in the texts and attributes of a page of the console', () => {
  const source = 'const page = (\n  <p title="the file was mended">\n    The list mends itself\n  </p>\n);';

  expect(passagesOfCode(source, { jsx: true }).flatMap(problemsOf)).toHaveLength(2);
});

test('a refused word is found in the comments of YAML, with the line of the comment', () => {
  const source = '# A first line\n# mended.\nkey: "mended#1" # mended\n';

  expect(passagesOfYaml(source).flatMap(problemsOf)).toMatchObject([{ line: 1 }, { line: 3 }]);
});

test('names, paths and code in backticks are not words', () => {
  expect(
    inCode("import { nobody } from './nobody';\n/** Calls `nobody` once. */\nconst somebody = 'whoever';"),
  ).toEqual([]);
});

test('a sentence that is too long is found in a comment of several lines and in a page', () => {
  expect(inCode(`/**\n * ${longSentence}\n */`)).toMatchObject([
    { line: 1, problem: expect.stringContaining('32 words') },
  ]);
  expect(inCode(`// ${'word '.repeat(20)}\n// ${'word '.repeat(15)}.`)).toMatchObject([{ line: 1 }]);
  expect(inDocument(`# Title\n\n${longSentence}\n`)).toMatchObject([{ line: 3 }]);
});

test('a list, a table and a code block are not one long sentence', () => {
  const words = 'word '.repeat(20);

  expect(
    inDocument(`- ${words}\n- ${words}\n\n| ${words} | ${words} |\n\n\`\`\`\nnobody ${words}${words}\n\`\`\`\n`),
  ).toEqual([]);
});
