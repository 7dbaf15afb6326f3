// `quick` needs no download and belongs to every test run; `fresh` installs whole applications from the registry.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'quick', include: ['tests/quick/**/*.test.{ts,tsx}'] } },
      {
        test: {
          name: 'fresh',
          include: ['tests/fresh/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
