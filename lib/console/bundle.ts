import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { build as esbuild } from 'esbuild';

export interface Page {
  script: string;
  style: string;
}

let built: Promise<Page> | undefined;

/** Bundles the page once per process. That takes some 50 ms, so a user needs no build step. */
export const page = (): Promise<Page> => (built ??= bundle());

async function bundle(): Promise<Page> {
  // Commands run in the project's folder. This file may be part of a bundle, so its own folder says nothing.
  const project = process.cwd();
  // Loaded on first use, and as plain Node does, because esbuild refuses the globals of jest.
  const { build } = createRequire(join(project, 'package.json'))('esbuild') as { build: typeof esbuild };
  const { outputFiles } = await build({
    entryPoints: ['app.tsx', 'style.css'].map((name) => join(project, 'lib', 'console', 'page', name)),
    outdir: 'page',
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'silent',
  });
  const file = (extension: string) => outputFiles.find(({ path }) => path.endsWith(extension))?.text ?? '';
  return { script: file('.js'), style: file('.css') };
}

/** Every address of the page answers this. It holds no data and no inline script. */
export const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Jobs console</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/console/assets/page.css">
<script type="module" src="/console/assets/page.js"></script>
</head>
<body>
<div id="app"></div>
<noscript>The console needs JavaScript.</noscript>
</body>
</html>
`;
