import { BodyPipe } from '../common/body.pipe.js';
import { gibibytes } from '../common/checks.js';

export interface CreateShare {
  /** In GiB. */
  readonly size: number;
}

export interface ResizeShare {
  /** How many GiB more, or less. */
  readonly by: number;
}

export const createShare = new BodyPipe<CreateShare>({ size: gibibytes });
export const resizeShare = new BodyPipe<ResizeShare>({ by: gibibytes });
