const { relative, sep } = require('node:path');

/** The part of the suite that a test file belongs to: its first two folders. */
const partOf = (path, rootDir) => relative(`${rootDir}/tests`, path).split(sep).slice(0, -1).slice(0, 2).join('/');

/** Prints how long each part of the suite took: the sum over its files, which run side by side. */
module.exports = class PartsReporter {
  constructor({ rootDir }) {
    this.rootDir = rootDir;
  }

  onRunComplete(_contexts, { testResults, startTime }) {
    if (testResults.length < 2) return;
    const parts = new Map();
    for (const { testFilePath, perfStats } of testResults) {
      const part = partOf(testFilePath, this.rootDir);
      const { files = 0, ms = 0 } = parts.get(part) ?? {};
      parts.set(part, { files: files + 1, ms: ms + perfStats.runtime });
    }
    const seconds = (ms) => (ms / 1000).toFixed(1).padStart(8);
    const lines = [...parts]
      .sort(([, a], [, b]) => b.ms - a.ms)
      .map(([part, { files, ms }]) => `${seconds(ms)} s  ${part} (${files} ${files === 1 ? 'file' : 'files'})`);
    process.stderr.write(`\nTime by part, its files added up:\n${lines.join('\n')}\n`);
    process.stderr.write(`${seconds(Date.now() - startTime)} s  from start to end, files side by side\n`);
  }
};
