import { Logger } from '@nestjs/common';
import { createApp } from './app.js';

/** One replica of the share service. Start as many as you like on the same storage and the same back end. */
const app = await createApp();
// Without them a replica that is told to stop drops its running requests, and leaves their locks to time out.
app.enableShutdownHooks();
await app.listen(process.env['PORT'] ?? 3000, '127.0.0.1');
Logger.log(`Who holds which lock: ${await app.getUrl()}/coordination`, 'ShareService');
