import { execFile } from 'node:child_process';
import { expect, it } from 'vitest';
import { compileFixture } from '../../support/fixture-build.js';

it('the kit works under node --test, and leaves nothing that keeps the process alive', async () => {
  const file = await compileFixture('test/support/testing/node-test.fixture.ts');
  // A run that finds NODE_TEST_CONTEXT takes itself for a part of another one, and prints nothing for people.
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      ['--test', '--test-reporter=tap', file],
      { env, timeout: 50_000 },
      (error, stdout, stderr) =>
        error ? reject(new Error(stdout + stderr, { cause: error })) : resolve(stdout),
    );
  });
  expect(output).toMatch(/^# pass 3$/m);
  expect(output).toMatch(/^# fail 0$/m);
});
