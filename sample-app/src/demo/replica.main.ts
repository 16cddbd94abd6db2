import type { News } from './replica.js';

/*
 * A replica as a child of the demonstration: it takes a free port, tells where it listens, and ends with its parent,
 * however that ends. What may come early is listened to before the application is even loaded.
 */
const orphaned = new Promise<void>((resolve) => void process.once('disconnect', resolve));
// A Ctrl-C reaches every process of a terminal; when the replicas end is up to the parent.
process.on('SIGINT', () => undefined);

try {
  const { createApp } = await import('../app.js');
  const app = await createApp({ abortOnError: false });
  app.enableShutdownHooks(['SIGTERM']);
  await app.listen(0, '127.0.0.1');
  await tell({ url: await app.getUrl() });
  await orphaned;
  await app.close();
  process.exit(0);
} catch (error) {
  console.error(error);
  await tell({ problem: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}

/** Settles when it was sent; nobody listens any more when the parent has ended. */
function tell(news: News): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(news, () => resolve());
    else resolve();
  });
}
