import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeDriver } from 'nestjs-coordination/driver-testing';
import { HttpDriver } from '../../support/reference-driver/http.driver.js';
import { HttpStore } from '../../support/reference-driver/http-store.js';

const FOLDER = 'test/support/reference-driver';

const store = new HttpStore();
let url = '';

beforeAll(async () => {
  url = await store.listen();
});

afterAll(() => store.close());

describeDriver(
  'http',
  { create: (context) => new HttpDriver(url, context), traits: ['lease', 'watch'] },
  { describe, it },
);

it('the reference driver and its store have at most 250 lines', async () => {
  const files = ['http.driver.ts', 'http-store.ts'].map((file) => readFile(join(FOLDER, file), 'utf8'));
  const lines = (await Promise.all(files)).flatMap((text) => text.trimEnd().split('\n'));
  expect(lines.length).toBeLessThanOrEqual(250);
});
