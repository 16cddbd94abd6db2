import { Injectable } from '@nestjs/common';
import { currentLease, Synchronized } from 'nestjs-coordination';

@Injectable()
export class PagesService {
  // Coverage tools rewrite the default.
  @Synchronized('<className>-<page>-<shareId>')
  async list(shareId: string, page = 1): Promise<string | undefined> {
    return currentLease()?.name.replace(shareId, `id of ${page}`);
  }
}
