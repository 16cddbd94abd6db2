import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';
import { BodyPipe } from '../common/body.pipe.js';
import { accessLevel, address } from '../common/checks.js';
import type { AccessRule } from './access-rule.js';

export const allowAccess = new BodyPipe<AccessRule>({ to: address, level: accessLevel });

@Injectable()
export class AddressPipe implements PipeTransform<string, string> {
  transform(to: string): string {
    const problem = address(to);
    if (problem !== undefined) throw new BadRequestException([`the client ${problem}`]);
    return to;
  }
}
