// Who is let in by how fast asks are answered just now: on a clock that the test drives.
import { expect, it } from "vitest";
import { createAskPace } from "../../engine/partition/ask-pace.ts";

/** Asks that come and are answered, one in each `eachMs`. */
function createScene(eachMs: number) {
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
    answer: (count: number): void => {
      for (let n = 0; n < count && waiting > 0; n++) {
        now += eachMs;
        waiting--;
        pace.leave(true);
      }
    },
    pass: (ms: number): void => {
      now += ms;
    },
    waiting: () => waiting,
    isOver: pace.isOver,
  };
}

/** The pace is known. */
function sceneWithPace(eachMs = 1) {
  const scene = createScene(eachMs);
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
  const scene = sceneWithPace(0.25);
  scene.come(3_000, 200);
  for (let n = 0; n < 100; n++) {
    scene.answer(40);
    scene.come(120, 200);
  }
  expect(scene.waiting()).toBe(200);
  for (let n = 0; n < 100; n++) {
    scene.answer(40);
    expect(scene.come(120, 200)).toBe(40);
  }
});

it("nor more than are answered in 60 ms, however patient they are: the others would all be turned away", () => {
  const scene = sceneWithPace(0.25);
  expect(scene.isOver()).toBe(false);
  scene.come(10_000, 2_000);
  for (let n = 0; n < 200; n++) {
    scene.answer(40);
    scene.come(120, 2_000);
  }
  expect(scene.waiting()).toBe(240);
  expect(scene.come(10, 200)).toBe(0);
});

it("one that comes to a longer queue is turned away whatever it asks for, and counts as such, while it is overload", () => {
  const scene = sceneWithPace();
  scene.come(300, 2_000);
  expect(scene.isOver(), "a burst").toBe(false);
  scene.come(2_000, 2_000);
  const long = scene.waiting();
  expect(long).toBe(1_200);
  for (let n = 0; n < long - 100; n++) {
    scene.answer(1);
    expect(scene.isOver()).toBe(true);
  }
  scene.answer(40);
  expect(scene.isOver(), "short enough").toBe(false);
  expect(scene.come(1, 2_000)).toBe(1);
});

it("when nobody was turned away for a second the next burst is one again", () => {
  const scene = sceneWithPace();
  scene.come(500, 500);
  scene.answer(300);
  scene.pass(1_000);
  expect(scene.come(500, 500)).toBe(300);
});
