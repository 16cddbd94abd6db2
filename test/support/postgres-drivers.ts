import type { DriverContext, Driver } from '../../lib/drivers/driver.js';
import type { PostgresBackendOptions } from '../../lib/drivers/postgres/options/index.js';
import { chooseBackend } from '../../lib/drivers/driver.registry.js';
import { recordingContext } from './driver-suite.js';

/** A driver on a database, not started, as a coordinator makes it. */
export async function postgresDriverOn(
  url: string | undefined,
  context: DriverContext = recordingContext(),
  postgres: PostgresBackendOptions = {},
  ttl = 10_000,
): Promise<Driver> {
  const open = chooseBackend(url, { postgres }, []).open();
  return open({ ...context, ttl, prefix: '' });
}
