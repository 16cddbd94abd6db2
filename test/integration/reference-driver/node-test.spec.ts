import { execFile } from 'node:child_process';
import { expect, it } from 'vitest';
import { driverSuite } from 'nestjs-coordination/driver-testing';
import { compileFixture } from '../../support/fixture-build.js';

interface Run {
  readonly code: number | string | null | undefined;
  readonly output: string;
}

function nodeTest(file: string, env: NodeJS.ProcessEnv): Promise<Run> {
  return new Promise((resolve) => {
    // A run that finds NODE_TEST_CONTEXT takes itself for a part of another one, and prints nothing for people.
    const options = {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
      timeout: 110_000,
    };
    execFile(process.execPath, ['--test', '--test-reporter=tap', file], options, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, output: stdout + stderr }),
    );
  });
}

it('the suite runs under node --test, and a driver that breaks a promise fails there', async () => {
  const file = await compileFixture('test/support/reference-driver/node-test.fixture.ts');
  const cases = driverSuite({
    create: () => Promise.reject(new Error('unused')),
    traits: ['lease', 'watch'],
  });
  const whole = await nodeTest(file, {});
  expect(whole.output).toMatch(new RegExp(`^# pass ${cases.length}$`, 'm'));
  expect(whole.code, whole.output).toBe(0);
  const broken = await nodeTest(file, { BROKEN_RELEASE: '1', TEST_PART: 'releases once' });
  expect(broken.output).toMatch(/^ +not ok \d+ - releases once, and says so$/m);
  expect(broken.code).toBe(1);
}, 240_000);
