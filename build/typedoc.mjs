// `npm run docs:api`: the reference of what applications import, made of the docstrings. It is written to docs/api, which is not committed.
import { readFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** The sources of the entry points that package.json has. */
const entryPoints = Object.values(exports).flatMap(({ types }) =>
  types ? [types.replace('./dist/', '../lib/').replace(/\.d\.ts$/, '.ts')] : [],
);

export default {
  name: 'nestjs-coordination',
  plugin: ['typedoc-plugin-markdown'],
  entryPoints,
  tsconfig: '../lib/tsconfig.lib.json',
  out: '../docs/api',
  readme: 'none',
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  disableSources: true,
  // As a modifier, @publicApi would not end the example before it.
  blockTags: ['@example', '@param', '@publicApi', '@returns', '@throws'],
  modifierTags: ['@internal'],
  excludeTags: ['@publicApi'],
  validation: { notExported: false, invalidLink: true, notDocumented: false },
  treatWarningsAsErrors: true,
  hideBreadcrumbs: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
};
