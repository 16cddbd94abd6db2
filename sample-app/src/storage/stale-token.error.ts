import { ConflictException } from '@nestjs/common';

/** The storage has seen a later lease of this resource: whoever comes with an earlier one comes too late (409). */
export class StaleTokenError extends ConflictException {
  constructor(resource: string, token: number, floor: number) {
    super(
      `${resource} was used under a later lease meanwhile (token ${floor}, and this is ${token}): nothing was done`,
    );
  }
}
