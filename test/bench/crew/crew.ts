import { Member } from './member.js';
import type { OpenTerms } from './terms.js';

/** The processes that contend with each other. They are started when they are wanted, and kept for the next one. */
export class Crew {
  #members: Promise<Member>[] = [];
  #open?: OpenTerms;

  /** Has the first so many processes open what is wanted; more of them are started as needed. */
  async assemble(count: number, open: OpenTerms): Promise<void> {
    await this.dismiss();
    this.#open = open;
    const opening = Array.from({ length: count }, async (_, index) => {
      this.#members[index] ??= Member.start();
      await (await this.#members[index]).ask('open', open);
    });
    await Promise.all(opening);
  }

  /** The first so many, with a new process in the place of each that is gone. */
  async members(count: number): Promise<Member[]> {
    const members = Array.from({ length: count }, async (_, index) => {
      const member = await this.#members[index];
      if (member && !member.gone) return member;
      const fresh = Member.start();
      this.#members[index] = fresh;
      if (this.#open) await (await fresh).ask('open', this.#open);
      return fresh;
    });
    return Promise.all(members);
  }

  /** Has all of them close what they have opened. Who cannot is of no use any more. */
  async dismiss(): Promise<void> {
    if (!this.#open) return;
    this.#open = undefined;
    const members = await Promise.all(this.#members);
    await Promise.all(members.map((member) => member.ask('close').catch(() => member.end())));
    this.#members = this.#members.filter((_, index) => members[index]?.gone === false);
  }

  /** Ends the processes; the next ones are new. */
  async end(): Promise<void> {
    const members = await Promise.all(this.#members);
    await Promise.all(members.map((member) => member.end()));
  }
}
