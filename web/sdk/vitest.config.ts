import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const installed = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The components' tests run twice, on the oldest React that is supported and on the newest.
export default defineConfig({
  test: {
    projects: [
      {
        test: { name: 'core', include: ['tests/{core,faults,panel}/**/*.test.ts'], environment: 'node' },
      },
      {
        test: { name: 'react-19', include: ['tests/{react,panel}/**/*.test.tsx'], environment: 'jsdom' },
      },
      {
        resolve: {
          alias: {
            react: installed('../react-18/node_modules/react'),
            'react-dom': installed('../react-18/node_modules/react-dom'),
            // Its module form, so that the two above reach its own imports as well.
            '@testing-library/react': installed(
              '../node_modules/@testing-library/react/dist/@testing-library/react.esm.js',
            ),
          },
        },
        test: {
          name: 'react-18',
          include: ['tests/{react,panel}/**/*.test.tsx'],
          environment: 'jsdom',
          server: { deps: { inline: [/@testing-library\/react/] } },
        },
      },
    ],
  },
});
