import { Controller, Get, Inject, Param, Post, Query, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { currentLease, Synchronized } from 'nestjs-coordination';
import { Gate } from './fixtures/gate.js';
import { Overlap } from './fixtures/overlap.js';
import { PLATFORMS, someoneWaits, startApp } from './fixtures/test-app.js';

const overlap = new Overlap();
let gate = new Gate();

@Controller('shares')
class ShareController {
  @Post(':id/extend')
  @Synchronized('<fName>-<id>')
  async extend(@Param('id') id: string, @Query('size') size: string): Promise<unknown> {
    await overlap.body();
    return { id, size, lease: currentLease()?.name };
  }

  @Post(':id/wait')
  @Synchronized('share-<id>')
  async wait(@Param('id') id: string): Promise<string> {
    await gate.pass();
    return id;
  }
}

@Controller({ path: 'tenants', scope: Scope.REQUEST })
class TenantController {
  constructor(@Inject(REQUEST) private readonly request: { url: string }) {}

  @Get(':id')
  @Synchronized('tenant-<id>')
  async get(@Param('id') id: string): Promise<unknown> {
    await overlap.body();
    return { id, url: this.request.url, lease: currentLease()?.name };
  }
}

describe.each(PLATFORMS)('a synchronized route on %s', (platform) => {
  const start = () => startApp({ platform, controllers: [ShareController, TenantController] });

  it('runs one call at a time for each name, with its arguments in the name', async () => {
    const { url } = await start();
    overlap.most = 0;
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, size) =>
        fetch(`${url}/shares/7/extend?size=${size}`, { method: 'POST' }).then((reply) => reply.json()),
      ),
    );
    expect(replies).toEqual(
      Array.from({ length: 8 }, (_, size) => ({ id: '7', size: String(size), lease: 'extend-7' })),
    );
    expect(overlap.most).toBe(1);
  });

  it('does not make calls with other names wait', async () => {
    const { url, coordinator } = await start();
    gate = new Gate();
    const first = fetch(`${url}/shares/7/wait`, { method: 'POST' });
    await gate.reached;
    const queued = someoneWaits(coordinator);
    const second = fetch(`${url}/shares/7/wait`, { method: 'POST' });
    await queued;
    const other = await fetch(`${url}/shares/8/extend?size=1`, { method: 'POST' });
    expect(other.status).toBe(201);
    gate.open();
    expect(await Promise.all([first, second].map(async (reply) => (await reply).text()))).toEqual(['7', '7']);
  });

  it('holds for controllers that are made for each request', async () => {
    const { url } = await start();
    overlap.most = 0;
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => fetch(`${url}/tenants/3`).then((reply) => reply.json())),
    );
    expect(new Set(replies.map((reply) => JSON.stringify(reply)))).toEqual(
      new Set([JSON.stringify({ id: '3', url: '/tenants/3', lease: 'tenant-3' })]),
    );
    expect(overlap.most).toBe(1);
  });
});
