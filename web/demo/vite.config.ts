// Two pages, which ingest serves at `/` and `/panel` from the built files. Asset paths are relative, so that it may
// serve them anywhere; while developing, the API is asked of a running ingest.

import { createHash } from 'node:crypto';
import { defineConfig, type Plugin } from 'vite';
import { CSS } from '../sdk/src/panel/styles.ts';

// A built page may hold no styles of its own but the panel's one sheet, which is known by its hash. Ingest's policy,
// which holds too, says the rest, and it can't know what a page brings along.
const styles: Plugin = {
  name: 'style-policy',
  apply: 'build',
  transformIndexHtml: (_, { path }) => {
    const sheet = createHash('sha256').update(CSS).digest('base64');
    const sources = path.endsWith('panel.html') ? `'self' 'sha256-${sheet}'` : "'self'";
    const attrs = { 'http-equiv': 'Content-Security-Policy', content: `style-src ${sources}` };
    return [{ tag: 'meta', attrs, injectTo: 'head-prepend' }];
  },
};

export default defineConfig({
  base: './',
  plugins: [styles],
  build: {
    target: 'es2022',
    rolldownOptions: { input: ['index.html', 'panel.html'] },
  },
  server: { proxy: { '/api': process.env.INGEST_URL ?? 'http://127.0.0.1:8080' } },
});
