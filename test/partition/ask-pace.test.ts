// Who is let in by how fast asks are answered just now: on a clock that the test drives.
import { expect, it } from "vitest";
import { createAskPace } from "../../engine/partition/ask-pace.ts";

/** Asks that come and are answered. */
function createScene() {
  let now = 0;
  const pace = createAskPace(() => now);
  let waiting = 0;
  const enter = (): void => {
    pace.enter();
    waiting++;
  };
  return {
    /** Lets in as many of `count` as may come in. */
    come: (count: number, deadlineMs: number): number => {
      let letIn = 0;
      for (let n = 0; n < count; n++) {
        if (!pace.admits(deadlineMs)) continue;
        enter();
        letIn++;
      }
      return letIn;
    },
    /** One each millisecond. */
    answer: (count: number): void => {
      for (let n = 0; n < count && waiting > 0; n++) {
        now += 1;
        waiting--;
        pace.leave(true);
      }
    },
    pass: (ms: number): void => {
      now += ms;
    },
    waiting: () => waiting,
  };
}

/** The pace is known: a millisecond each. */
function sceneWithPace() {
  const scene = createScene();
  scene.come(200, 1_000);
  scene.answer(200);
  scene.pass(10_000);
  return scene;
}

it("while few wait everybody is let in, whatever the pace", () => {
  expect(sceneWithPace().come(96, 1)).toBe(96);
});

it("a burst may fill three fifths of the deadline", () => {
  const scene = sceneWithPace();
  expect(scene.come(500, 500)).toBe(300);
});

it("of those who come all the time only so many wait that they are answered within a quarter of it", () => {
  const scene = sceneWithPace();
  scene.come(500, 500);
  for (let n = 0; n < 100; n++) {
    scene.answer(10);
    scene.come(30, 500);
  }
  expect(scene.waiting()).toBe(125);
  for (let n = 0; n < 100; n++) {
    scene.answer(10);
    expect(scene.come(30, 500)).toBe(10);
  }
});

it("when nobody was turned away for a second the next burst is one again", () => {
  const scene = sceneWithPace();
  scene.come(500, 500);
  scene.answer(300);
  scene.pass(1_000);
  expect(scene.come(500, 500)).toBe(300);
});
