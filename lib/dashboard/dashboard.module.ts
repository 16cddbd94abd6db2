import {
  Controller,
  type DynamicModule,
  Inject,
  Module,
  type OnModuleDestroy,
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { systemClock } from '../common/clock.js';
import { getCoordinatorToken } from '../coordination.tokens.js';
import type { CoordinatorService } from '../coordinator.service.js';
import { Activity } from './activity/index.js';
import { DashboardController } from './dashboard.controller.js';
import { checkDashboardOptions, type DashboardOptions } from './dashboard.options.js';
import { Dashboard } from './dashboard.js';
import { DASHBOARD_SOURCE, type DashboardSource } from './source.js';

/**
 * One page that shows the locks with their holders and waiters, whether jobs run and whether all replicas live. It can break a lock. The
 * application serves it, behind a guard of the application.
 *
 * @example
 * \@Module({ imports: [CoordinationModule.forRoot(), CoordinationDashboardModule.register({ guard: AdminGuard })] })
 * export class AppModule {}
 *
 * @publicApi
 */
@Module({})
export class CoordinationDashboardModule implements OnModuleDestroy {
  constructor(@Inject(Dashboard) private readonly dashboard: Dashboard) {}

  /**
   * The module with the page, to be imported once for each coordinator.
   *
   * @throws InvalidOptionsError without a guard, unless `guard: false` says that none is meant
   * @example
   * CoordinationDashboardModule.register({ path: 'ops/coordination', guard: AdminGuard, imports: [AuthModule] });
   */
  static register(options: DashboardOptions): DynamicModule {
    checkDashboardOptions(options);
    const { name, title = name ?? 'Coordination', imports = [] } = options;
    const token = getCoordinatorToken(name);
    return {
      module: CoordinationDashboardModule,
      imports,
      controllers: [controllerFor(options)],
      providers: [
        {
          provide: DASHBOARD_SOURCE,
          inject: [token],
          useFactory: ({ inspect }: CoordinatorService) => inspect,
        },
        { provide: Activity, useFactory: () => new Activity(systemClock) },
        {
          provide: Dashboard,
          inject: [token, DASHBOARD_SOURCE, Activity],
          useFactory: (coordinator: CoordinatorService, source: DashboardSource, activity: Activity) =>
            new Dashboard(coordinator, source, activity, title),
        },
      ],
    };
  }

  /** Before the server closes, as it waits for every answer. */
  onModuleDestroy(): void {
    this.dashboard.stop();
  }
}

/** A class of its own for each page: the path and the guard belong to the class. */
function controllerFor({ path = 'coordination', version = VERSION_NEUTRAL, guard }: DashboardOptions): Type {
  class CoordinationDashboardController extends DashboardController {}
  Controller({ path, version })(CoordinationDashboardController);
  if (guard !== false) UseGuards(guard)(CoordinationDashboardController);
  return CoordinationDashboardController;
}
