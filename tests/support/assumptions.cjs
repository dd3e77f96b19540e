const { readFileSync } = require('node:fs');

/** The rows of docs/simulation.md that a check on AWS shows. `of`: `sqs` or `accept`. `check`: its name, or the beginning. */
const checked = (of) =>
  readFileSync('docs/simulation.md', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, id] = /^\| `([\w-]+)` \|/.exec(line) ?? [];
      const [, check] = new RegExp(`\`${of}: ([^\`]+)\``).exec(line) ?? [];
      return id && check ? [{ id, check }] : [];
    });

const lineOf = ({ id }, result) => `assumption ${id}: ${result}`;

/** `failed` if one check failed, `ok` if one ran. A check that takes too long on AWS is no result. */
const resultOf = (statuses) =>
  statuses.includes('failed') ? 'failed' : statuses.includes('passed') ? 'ok' : 'not checked';

/** A reporter of Jest: prints each assumption that the conformance tests check, with its result. */
class Assumptions {
  onRunComplete(_contexts, { testResults }) {
    const tests = testResults.flatMap((file) => file.testResults);
    for (const row of checked('sqs')) {
      const statuses = tests.filter(({ fullName }) => fullName.startsWith(row.check)).map(({ status }) => status);
      process.stdout.write(`${lineOf(row, resultOf(statuses))}\n`);
    }
  }
}

module.exports = Object.assign(Assumptions, { checked, lineOf });
