import { Injectable } from '@nestjs/common';
import { Limited } from 'nestjs-coordination';
import type { Permit } from '../storage/permit.js';
import { Volumes } from '../storage/volumes.js';

/** So many copies at a time over all replicas: an array that copies more of them serves nobody else. */
const COPIES = 4;

@Injectable()
export class Copies {
  constructor(private readonly volumes: Volumes) {}

  @Limited('copies', COPIES, { blocking: '10s' })
  async copy(from: string, to: string, permit: Permit): Promise<void> {
    await this.volumes.copy(from, to, permit);
  }
}
