import { Inject, Injectable, Module } from '@nestjs/common';
import { ConfigModule, ConfigService, type ConfigType } from '@nestjs/config';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  CoordinationModule,
  type CoordinationOptions,
  type CoordinationOptionsFactory,
  CoordinatorService,
  getCoordinatorToken,
  InjectCoordinator,
  InvalidOptionsError,
  LockCreationFailedError,
} from 'nestjs-coordination';
import { coordinationConfig } from 'nestjs-coordination/config';
import { boot, bootError } from '../../support/boot.js';

const TOKEN = 'PREFIX';

@Module({ providers: [{ provide: TOKEN, useValue: 'injected-' }], exports: [TOKEN] })
class PrefixModule {}

@Injectable()
class OptionsFactory implements CoordinationOptionsFactory {
  constructor(@Inject(TOKEN) private readonly prefix: string) {}

  async createCoordinationOptions(): Promise<CoordinationOptions> {
    return { backendUrl: 'memory:', prefix: this.prefix };
  }
}

@Module({ imports: [PrefixModule], providers: [OptionsFactory], exports: [OptionsFactory] })
class FactoryModule {}

afterEach(() => vi.unstubAllEnvs());

describe('CoordinationModule', () => {
  it.each([
    ['forRoot', CoordinationModule.forRoot({ backendUrl: 'memory:', prefix: 'injected-' })],
    [
      'forRootAsync with useFactory',
      CoordinationModule.forRootAsync({
        imports: [PrefixModule],
        inject: [TOKEN],
        useFactory: (prefix: string) => ({ backendUrl: 'memory:', prefix }),
      }),
    ],
    [
      'forRootAsync with a factory that takes its time',
      CoordinationModule.forRootAsync({
        useFactory: async () => ({ backendUrl: 'memory:', prefix: 'injected-' }),
      }),
    ],
    [
      'forRootAsync with useClass',
      CoordinationModule.forRootAsync({ imports: [PrefixModule], useClass: OptionsFactory }),
    ],
    [
      'forRootAsync with useExisting',
      CoordinationModule.forRootAsync({ imports: [FactoryModule], useExisting: OptionsFactory }),
    ],
  ])('provides a started coordinator by %s', async (_, module) => {
    const app = await boot([module]);
    const coordinator = app.get(CoordinatorService);
    expect([coordinator.started, coordinator.prefix]).toEqual([true, 'injected-']);
    await app.close();
    expect(coordinator.started).toBe(false);
  });

  it('takes the ConfigModule namespace as its provider', async () => {
    vi.stubEnv('COORDINATION_BACKEND_URL', 'memory:');
    vi.stubEnv('COORDINATION_AGENT_ID', 'from-the-environment');
    const app = await boot([CoordinationModule.forRootAsync(coordinationConfig.asProvider())]);
    expect(app.get(CoordinatorService).agentId).toBe('from-the-environment');
    await app.close();
  });

  it('warns of a variable that means nothing, which may be misspelt', async () => {
    vi.stubEnv('COORDINATION_BACKEND_URL', 'memory:');
    vi.stubEnv('COORDINATION_TLL', '5000');
    const app = await boot([CoordinationModule.forRootAsync(coordinationConfig.asProvider())]);
    await app.close();
    const lines = app.recorded.of('warn').filter((line) => line.includes('COORDINATION_TLL'));
    expect(lines).toEqual([
      expect.stringMatching(
        /COORDINATION_TLL, which .* of nestjs-coordination; known are .*COORDINATION_TTL/,
      ),
    ]);
  });

  it('warns of no variable that Kubernetes sets for a service of that name', async () => {
    const links = [
      'COORDINATION_SERVICE_HOST',
      'COORDINATION_SERVICE_PORT',
      'COORDINATION_SERVICE_PORT_REDIS',
      'COORDINATION_PORT',
      'COORDINATION_PORT_6379_TCP',
      'COORDINATION_PORT_6379_TCP_ADDR',
      'COORDINATION_REDIS_PORT_53_UDP_PROTO',
    ];
    for (const name of links) vi.stubEnv(name, '10.0.0.7');
    const given = await boot([CoordinationModule.forRoot({ backendUrl: 'memory:' })]);
    await given.close();
    vi.stubEnv('COORDINATION_BACKEND_URL', 'memory:');
    vi.stubEnv('COORDINATION_REPORT', 'x');
    const read = await boot([CoordinationModule.forRootAsync(coordinationConfig.asProvider())]);
    await read.close();
    expect(given.recorded.of('warn')).toEqual([]);
    expect(read.recorded.of('warn')).toEqual([
      expect.stringMatching(/^The environment has COORDINATION_REPORT, which is no variable/),
    ]);
  });

  it('takes a namespace that ConfigModule has loaded for all', async () => {
    vi.stubEnv('COORDINATION_BACKEND_URL', 'memory:');
    vi.stubEnv('COORDINATION_PREFIX', 'env-');
    const app = await boot([
      ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true, load: [coordinationConfig] }),
      CoordinationModule.forRootAsync({
        inject: [ConfigService],
        useFactory: (config: ConfigService) => config.getOrThrow<CoordinationOptions>('coordination'),
      }),
      CoordinationModule.forRootAsync({
        name: 'second',
        inject: [coordinationConfig.KEY],
        useFactory: (config: ConfigType<typeof coordinationConfig>) => ({ ...config, agentId: 'second' }),
      }),
    ]);
    expect(app.get(CoordinatorService).prefix).toBe('env-');
    const second = app.get<CoordinatorService>(getCoordinatorToken('second'));
    expect([second.memberId, second.started]).toEqual(['env-second', true]);
    expect(app.get(ConfigService).get('coordination.backendUrl')).toBe('memory:');
    await app.close();
  });

  it('is visible only where it is imported when isGlobal is false', async () => {
    @Injectable()
    class Needs {
      constructor(@Inject(CoordinatorService) readonly coordinator: CoordinatorService) {}
    }
    const shared = CoordinationModule.forRoot({ backendUrl: 'memory:', isGlobal: false });
    const inside = { module: class Inside {}, imports: [shared], providers: [Needs] };
    const app = await boot([inside]);
    expect(app.get(Needs, { strict: false }).coordinator.started).toBe(true);
    await app.close();

    const outside = { module: class Outside {}, providers: [Needs] };
    expect((await bootError([shared, outside])).message).toContain('CoordinatorService');
    const global = await boot([CoordinationModule.forRoot({ backendUrl: 'memory:' }), outside]);
    await global.close();
  });

  it('provides several coordinators by their names', async () => {
    @Injectable()
    class Reports {
      constructor(
        @InjectCoordinator() readonly main: CoordinatorService,
        @InjectCoordinator('reports') readonly reports: CoordinatorService,
      ) {}
    }
    const app = await boot(
      [
        CoordinationModule.forRoot({ backendUrl: 'memory:', agentId: 'main' }),
        CoordinationModule.forRoot({ backendUrl: 'memory:', agentId: 'reports', name: 'reports' }),
      ],
      [Reports],
    );
    const { main, reports } = app.get(Reports);
    expect([main.agentId, main.started, reports.agentId, reports.started]).toEqual([
      'main',
      true,
      'reports',
      true,
    ]);
    await app.close();
    expect([main.started, reports.started]).toEqual([false, false]);
  });

  it.each([undefined, 'reports'])('fails at boot for a second coordinator named %s', async (name) => {
    const module = () => CoordinationModule.forRoot({ backendUrl: 'memory:', name });
    const error = await bootError([module(), module()]);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error.message).toMatch(
      /^CoordinationModule: the application has a second coordinator [^\n]*; import the module once[^\n]+$/,
    );
  });

  it('keeps two applications in one process apart', async () => {
    const [one, two] = await Promise.all(
      ['one', 'two'].map((prefix) => boot([CoordinationModule.forRoot({ backendUrl: 'memory:', prefix })])),
    );
    expect([one?.get(CoordinatorService).prefix, two?.get(CoordinatorService).prefix]).toEqual([
      'one',
      'two',
    ]);
    await one?.close();
    expect(two?.get(CoordinatorService).started).toBe(true);
    await two?.close();
  });

  it('has started before the hooks of other modules run, but not in their constructors', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Eager {
      constructor(@Inject(CoordinatorService) private readonly coordinator: CoordinatorService) {
        try {
          coordinator.getLock('a');
        } catch (error) {
          seen.push(error);
        }
      }

      async onModuleInit(): Promise<void> {
        seen.push(await this.coordinator.using('a', () => 'locked'));
      }
    }
    const app = await boot([CoordinationModule.forRoot({ backendUrl: 'memory:' })], [Eager]);
    expect(seen).toEqual([expect.any(LockCreationFailedError), 'locked']);
    expect(String(seen[0])).toMatch(
      /getLock\("a"\).*it starts in onModuleInit \(constructors run before that\)/,
    );
    await app.close();
  });

  it.each([{}, { useFactory: () => ({}), useClass: OptionsFactory }])(
    'refuses forRootAsync with no way or two ways to make the options',
    (options) => {
      expect(() => CoordinationModule.forRootAsync(options)).toThrow(InvalidOptionsError);
      expect(() => CoordinationModule.forRootAsync(options)).toThrow(
        /^CoordinationModule.forRootAsync needs exactly one of useFactory, useClass and useExisting, got \d$/,
      );
    },
  );

  it.each([undefined, null, 'memory:'])('refuses a factory that returns %j', async (value) => {
    const error = await bootError([CoordinationModule.forRootAsync({ useFactory: () => value as never })]);
    expect(error.message).toMatch(
      /^CoordinationModule: the options must be an object, got [^\n]*return them/,
    );
  });
});
