export { CronTicks } from './cron-ticks.js';
export {
  calledByHand,
  isSchedulerRegistry,
  type ScheduleMetadata,
  scheduleOf,
  SchedulerLink,
  ticksOfCaller,
} from './scheduler-link.js';
