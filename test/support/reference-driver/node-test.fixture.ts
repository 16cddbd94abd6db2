// Run by `node --test`, as the author of another driver may do.
import { after, before, describe, it } from 'node:test';
import type { DriverFactoryContext } from 'nestjs-coordination';
import { describeDriver, type SuiteRunner } from 'nestjs-coordination/driver-testing';
import { HttpDriver } from './http.driver.js';
import { HttpStore } from './http-store.js';

const store = new HttpStore();
let url = '';
before(async () => {
  url = await store.listen();
});
after(() => store.close());

function create(context: DriverFactoryContext): HttpDriver {
  const driver = new HttpDriver(url, context);
  if (!process.env['BROKEN_RELEASE']) return driver;
  const locks = { ...driver.locks };
  driver.locks.release = async (...args) => (await locks.release(...args), true);
  return driver;
}

const part = process.env['TEST_PART'];
const whole: SuiteRunner = { describe, it };
const some: SuiteRunner = {
  describe,
  it: (name, run) => (name.startsWith(part ?? '') ? it(name, run) : undefined),
};
describeDriver('http', { create, traits: ['lease', 'watch'] }, part ? some : whole);
