/** `prisma` has to be installed first, which takes minutes. */
export const TOOLS = ['pg', 'typeorm', 'drizzle', 'prisma'] as const;
export const ISOLATIONS = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const;

export interface WriterTerms {
  readonly url: string;
  readonly tool: (typeof TOOLS)[number];
  readonly isolation: (typeof ISOLATIONS)[number];
  readonly guarded: boolean;
  /** ms */
  readonly ttl: number;
  /** Between the read and the write, ms. */
  readonly think: number;
  readonly counters: number;
  readonly loops: number;
  /** Where a client of Prisma is. */
  readonly prisma?: string | undefined;
}

export interface WriterReport {
  readonly commits: number;
  readonly refused: number;
  /** By the name of the error. */
  readonly errors: Record<string, number>;
}
