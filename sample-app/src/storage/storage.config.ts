import { registerAs } from '@nestjs/config';

export interface StorageConfig {
  /** Shared by all replicas. */
  readonly directory: string;
  /** How long the array takes to carry out a change, ms. */
  readonly latency: number;
  /** Whether jobs show it the tokens of their leases; they have one in any case. */
  readonly checksJobs?: boolean;
}

export const storageConfig = registerAs('storage', (): StorageConfig => ({
  directory: process.env['SAMPLE_DATA'] ?? 'sample-app/.data',
  latency: Number(process.env['SAMPLE_LATENCY'] ?? 8),
  checksJobs: process.env['COORDINATION_FENCING'] !== 'false',
}));
