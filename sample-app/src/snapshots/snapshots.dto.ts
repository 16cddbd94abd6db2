import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';
import { BodyPipe } from '../common/body.pipe.js';
import { label } from '../common/checks.js';
import type { Snapshot } from './snapshot.js';

export const createSnapshot = new BodyPipe<Snapshot>({ name: label });

/** Makes the snapshot out of the name in a route. */
@Injectable()
export class SnapshotPipe implements PipeTransform<string, Snapshot> {
  transform(name: string): Snapshot {
    const problem = label(name);
    if (problem !== undefined) throw new BadRequestException([`the name of the snapshot ${problem}`]);
    return { name };
  }
}
