import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { BodyPipe } from '../common/body.pipe.js';
import { gibibytes } from '../common/checks.js';
import { type Balance, LedgerService } from './ledger.service.js';

export interface Charge {
  /** How many GiB are charged. */
  readonly amount: number;
}

const charge = new BodyPipe<Charge>({ amount: gibibytes });

@Controller('ledger')
export class LedgerController {
  constructor(private readonly ledger: LedgerService) {}

  @Get(':account')
  show(@Param('account') account: string): Promise<Balance> {
    return this.ledger.balance(account);
  }

  @Post(':account/charge')
  @HttpCode(200)
  async charge(
    @Param('account') account: string,
    @Body(charge) { amount }: Charge,
  ): Promise<{ charged: number }> {
    return { charged: await this.ledger.charge(account, amount) };
  }
}
