import { Injectable } from '@nestjs/common';
import {
  CoordinationModule,
  type CoordinationModuleOptions,
  type CoordinatorService,
  type Lease,
  Lock,
  type SynchronizedOptions,
  Synchronized,
} from 'nestjs-coordination';
import { coordinationConfig } from 'nestjs-coordination/config';

// With `declaration`, the compiler has to be able to name what is exported here.
export const PerShare = () => Synchronized('share-<share.id>');
export const options: SynchronizedOptions = { blocking: 2000, onNotAcquired: 'skip' };
export const moduleOptions: CoordinationModuleOptions = { backendUrl: 'memory:' };
export const fromEnvironment = CoordinationModule.forRootAsync(coordinationConfig.asProvider());
export const lockOf = (coordinator: CoordinatorService) => new Lock('share-<id>', { id: 7 }, coordinator);
export const nameOf = (lease: Lease) => lease.name;

@Injectable()
export class ShareService {
  @PerShare()
  async extend(share: { id: string }): Promise<string> {
    return share.id;
  }
}
