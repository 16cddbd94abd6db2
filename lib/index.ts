export { CoordinationModule } from './coordination.module.js';
export type {
  CoordinationAsyncOptions,
  CoordinationModuleOptions,
  CoordinationOptionsFactory,
} from './coordination.module-options.js';
export type { CoordinationOptions } from './coordination.options.js';
export { COORDINATION_MODULE_OPTIONS } from './coordination.constants.js';
export { getCoordinatorToken, InjectCoordinator } from './coordination.tokens.js';
export type { Duration } from './common/duration.js';
export type {
  CoordinationMessage,
  CoordinatorEventName,
  CoordinatorEvents,
  JobSkipReason,
  RefusalReason,
} from './common/coordinator.events.js';
export { CoordinatorService } from './coordinator.service.js';
export type {
  BreakOptions,
  CoordinatorInspection,
  ElectionInfo,
  HolderInfo,
  LockInfo,
  LockKind,
  MemberInfo,
  WaiterInfo,
} from './inspection/index.js';
export type { CoordinationErrorCode, LeaseLossReason } from './errors.js';
export {
  BackendUnavailableError,
  CoordinationError,
  CoordinationSchemaError,
  InvalidOptionsError,
  LeaseLostError,
  LimitReachedError,
  LockAcquireFailedError,
  LockCreationFailedError,
  LockNameError,
  NotLockedError,
  OnceFailedError,
} from './errors.js';
export type {
  Credential,
  ReadyRedisClient,
  RedisBackendOptions,
  RedisConnectionOptions,
} from './drivers/redis/options/index.js';
export type { PostgresBackendOptions, ReadyPostgresPool } from './drivers/postgres/options/index.js';
export { postgresSchema } from './drivers/postgres/schema/index.js';
export type { Clock, Moment, Timer } from './common/clock.js';
export type {
  BackendChange,
  Caller,
  Claim,
  Downgrade,
  Driver,
  DriverContext,
  DriverFactory,
  DriverFactoryContext,
  DriverHealth,
  Grant,
  Granted,
  Holder,
  LockMode,
  LockStore,
  Loss,
  NewRecord,
  QueuedWaiter,
  RecordStore,
  RenewOutcome,
  StoredRecord,
  Taken,
  Term,
  Tokens,
  Traits,
  WaitQueue,
  Watch,
} from './drivers/driver.js';
export { TRUSTED_MS } from './drivers/driver.js';
export { CoordinationContext } from './coordination.context.js';
export { assertLocked, assertLockedIn, currentLease } from './lock/lease/index.js';
export type { GuardedTransaction } from './lock/guard/index.js';
export type { Lease } from './lock/lease/index.js';
export type { CampaignOptions, Election, Leader, Leadership } from './elections/index.js';
export type { AcquireOptions, LockOptions } from './lock/index.js';
export { Lock } from './lock/index.js';
export type { PermitOptions, Semaphore, SemaphoreOptions } from './semaphores/index.js';
export {
  type ElectionListenerDecorator,
  type ElectionOptions,
  LeaderOnly,
  type LeaderOnlyDecorator,
  OnDemoted,
  OnElected,
} from './elections/decorators/index.js';
export { LockParam } from './synchronized/naming/index.js';
export { LockScope } from './synchronized/naming/index.js';
export {
  Limited,
  type LimitedOptions,
  Synchronized,
  type SynchronizedDecorator,
} from './synchronized/index.js';
export type {
  LimitNameFunction,
  LockNameFunction,
  SynchronizedOptions,
} from './synchronized/definition/index.js';
export { currentRun, type JobInfo, type LastRun, type OnceOptions, type Run } from './runs/index.js';
export { RunOnce, type RunOnceOptions } from './run-once/index.js';
