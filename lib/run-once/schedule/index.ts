export { CronTicks } from './cron-ticks.js';
export {
  calledByHand,
  type CronMetadata,
  isSchedulerRegistry,
  type ScheduleMetadata,
  scheduleOf,
  SchedulerLink,
  ticksOfCaller,
} from './scheduler-link.js';
