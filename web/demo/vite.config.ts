// Two pages, which ingest serves at `/` and `/panel` from the built files. Asset paths are relative, so that it may
// serve them anywhere; while developing, the API is asked of a running ingest.

import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    rolldownOptions: { input: ['index.html', 'panel.html'] },
  },
  server: { proxy: { '/api': process.env.INGEST_URL ?? 'http://127.0.0.1:8080' } },
});
