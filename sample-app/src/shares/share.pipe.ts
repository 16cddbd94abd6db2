import { BadRequestException, Injectable, NotFoundException, type PipeTransform } from '@nestjs/common';
import { label } from '../common/checks.js';
import { Volumes } from '../storage/volumes.js';
import { pathOf, type Share } from './share.js';

/** Makes the share out of the id in a route; 404 when there is none. */
@Injectable()
export class SharePipe implements PipeTransform<string, Promise<Share>> {
  constructor(private readonly volumes: Volumes) {}

  async transform(id: string): Promise<Share> {
    const problem = label(id);
    if (problem !== undefined) throw new BadRequestException([`the id of the share ${problem}`]);
    const share = { id };
    if ((await this.volumes.size(pathOf(share))) === undefined) {
      throw new NotFoundException(`there is no share ${id}`);
    }
    return share;
  }
}
