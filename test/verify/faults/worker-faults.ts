import { catchHolder, type Caught } from './aim.js';
import type { Step } from './faults.js';
import { now } from './judge-clock.js';
import type { Action, Actions, Scene } from './scene.js';

/** How long to wait for a worker to come to the moment that a fault is aimed at, ms. */
const AIM = 1000;

/** While it releases: so many ms after the storage has answered its write, at most. */
const RELEASE = 3;

/** A worker that has been asked to leave gives up after its stopTimeout of 1000 ms; the rest is a busy machine. */
export const TIME_TO_LEAVE = 15_000;

/** Catches the worker of that place, or the next one, with a lease in its hands. */
function catchWorker(
  step: Step,
  scene: Scene,
  kind: 'read' | 'write',
  stop: boolean,
): Promise<Caught | undefined> {
  const name = scene.crew.target(step.worker)?.name;
  return catchHolder(
    scene,
    ({ worker, write }) => worker === name && (write !== undefined) === (kind === 'write'),
    AIM,
    (worker) => stop && worker.freeze(),
  );
}

const killAs =
  (kind: 'read' | 'write'): Action =>
  async (step, scene) => {
    const caught = await catchWorker(step, scene, kind, false);
    if (!caught) return undefined;
    caught.answer();
    // While it releases: some time after the answer.
    if (kind === 'write') await pause(step.chance * RELEASE);
    await scene.crew.replace(caught.worker);
    return caught.worker.name;
  };

const stopHolder: Action = async (step, scene) => {
  const caught = await catchWorker(step, scene, step.chance < 0.7 ? 'read' : 'write', true);
  if (!caught) return undefined;
  caught.answer();
  await scene.pause(step.lasts);
  caught.worker.thaw();
  return caught.worker.name;
};

const stopReleasing: Action = async (step, scene) => {
  const caught = await catchWorker(step, scene, 'write', false);
  if (!caught) return undefined;
  caught.answer();
  await pause(step.chance * RELEASE);
  caught.worker.freeze();
  await scene.pause(step.lasts);
  caught.worker.thaw();
  return caught.worker.name;
};

const waiter = async (step: Step, scene: Scene) => {
  const worker = scene.crew.target(step.worker);
  // Somebody else may have been quicker.
  return worker && (await worker.waits(AIM)) && !worker.frozen && !worker.ended ? worker : undefined;
};

/**
 * Stops whoever reads the registers of that lock next, before it has the answer, until somebody else has written them:
 * when it goes on, it writes what is too old. `meanwhile` may help the others to get the lock.
 */
export async function stopUntilOvertaken(
  lock: string,
  lasts: number,
  scene: Scene,
  meanwhile: () => Promise<void>,
): Promise<string | undefined> {
  const end = now() + lasts;
  const caught = await catchHolder(
    scene,
    (request) => request.lock === lock && !request.write,
    lasts,
    (worker) => worker.freeze(),
  );
  if (!caught) return undefined;
  const race = { overtaken: false };
  const stopListening = scene.storage.listen((request) => {
    if (request.write && request.lock === lock && request.worker !== caught.worker.name)
      race.overtaken = true;
  });
  await meanwhile();
  while (!race.overtaken && now() < end) await pause(2);
  stopListening();
  caught.worker.thaw();
  caught.answer();
  if (race.overtaken)
    scene.records.push({ type: 'state', at: now(), name: 'holder overtaken between read and write' });
  return caught.worker.name;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export const workerFaults: Actions = {
  'kill holder': killAs('read'),
  'kill while releasing': killAs('write'),
  async 'kill waiter'(step, scene) {
    const worker = await waiter(step, scene);
    if (worker) await scene.crew.replace(worker);
    return worker?.name;
  },

  'stop holder': stopHolder,
  'stop while releasing': stopReleasing,
  async 'stop waiter'(step, scene) {
    const worker = await waiter(step, scene);
    worker?.freeze();
    if (worker) await scene.pause(step.lasts);
    worker?.thaw();
    return worker?.name;
  },

  'stop until overtaken': (step, scene) => {
    const lock = scene.locks[step.lock] ?? '';
    return stopUntilOvertaken(lock, step.lasts, scene, () => Promise.resolve());
  },

  async 'end worker in order'(step, scene) {
    const worker = scene.crew.target(step.worker);
    if (!worker) return undefined;
    const complaint = await scene.crew.relieve(worker, TIME_TO_LEAVE);
    if (complaint !== undefined) scene.onStall(complaint);
    return worker.name;
  },

  async 'step clock of worker'(step, scene) {
    const clock = scene.crew.clockOf(step.worker);
    clock?.set(step.clockStep);
    await scene.pause(step.lasts);
    clock?.set(0);
    return `worker-${step.worker}`;
  },
};
