// Screens that follow one customer each, at any engine: they move, stop reading, are cut off, and come back with their cursor.
import type { CustomerKey } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import { PARTITIONS } from "./engine-under-test.ts";
import type { Fleet } from "./fleet.ts";
import type { LoggedCommit } from "./journals.ts";
import type { ScreenSocket } from "./simulated-sockets.ts";
import type { World } from "./world.ts";

export interface Screens {
  /** From now on they read, and stay where they are. */
  readonly settle: () => void;
  /** What they were shown otherwise than it was committed; `commits` of a partition, those that Redis has lost left out. */
  readonly faults: (commits: (partition: number) => readonly LoggedCommit[]) => readonly string[];
  /** Each has been shown the last of its customer. */
  readonly areCurrent: (commits: (partition: number) => readonly LoggedCommit[]) => boolean;
  readonly visits: () => number;
}

interface Shown {
  readonly seq: number;
  /** `nba CODE` or `withdraw CODE`. */
  readonly what: string;
}

/** What was shown since a snapshot. */
interface Stretch {
  readonly from: number;
  readonly shown: Shown[];
}

interface Frame {
  readonly op: string;
  readonly cursor?: string;
  readonly trackingCode?: string;
  readonly decision?: { readonly trackingCode: string };
}

const STAY_MS = 4_000;
const BACK_MS = 400;

interface Screen {
  readonly key: CustomerKey;
  readonly stretches: Stretch[];
  since: string | undefined;
  visits: number;
}

export function startScreens(world: World, fleet: Fleet, keys: readonly CustomerKey[]): Screens {
  const { chance } = world;
  let isSettled = false;
  const sockets = new Set<ScreenSocket>();
  const take = (screen: Screen, text: string): "stay" | "leave" => {
    const frame = JSON.parse(text) as Frame;
    if (frame.op === "error") return "leave";
    if (frame.cursor !== undefined) screen.since = frame.cursor;
    if (frame.op === "snapshot") screen.stretches.push({ from: Number(frame.cursor), shown: [] });
    if (frame.op !== "nba" && frame.op !== "withdraw") return "stay";
    const code = frame.trackingCode ?? frame.decision?.trackingCode;
    screen.stretches.at(-1)?.shown.push({ seq: Number.parseInt(frame.cursor ?? "", 10), what: `${frame.op} ${code}` });
    return "stay";
  };
  const visit = (screen: Screen): void => {
    const comeBack = (): void => world.after(1 + chance.below(BACK_MS), () => visit(screen));
    const engines = fleet.engines();
    if (engines.length === 0) {
      comeBack();
      return;
    }
    let opened: ScreenSocket | undefined;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      if (opened !== undefined) sockets.delete(opened);
      opened?.close();
      comeBack();
    };
    screen.visits++;
    chance.pick(engines).sockets.open({
      onOpen: (socket) => {
        opened = socket;
        sockets.add(socket);
        const since = screen.since === undefined ? {} : { since: screen.since };
        socket.send(JSON.stringify({ op: "subscribe", topic: `customer/${screen.key}`, ...since }));
        if (isSettled) return;
        if (chance.is(0.4)) {
          world.fault("slow reader");
          world.after(chance.below(1_000), () => socket.setReading(isSettled));
          world.after(1_000 + chance.below(5_000), () => socket.setReading(true));
        }
        world.after(500 + chance.below(STAY_MS), () => isSettled || end());
      },
      onFrame: (text) => {
        if (!isOver && take(screen, text) === "leave") end();
      },
      onClose: end,
    });
  };
  const isLossy = (): boolean => world.faults.has("redis lost its tail");
  const screens = keys.map((key): Screen => ({ key, stretches: [], since: undefined, visits: 0 }));
  for (const screen of screens) world.after(chance.below(2_000), () => visit(screen));
  const commitsOf = (
    screen: Screen,
    commits: (partition: number) => readonly LoggedCommit[],
  ): readonly LoggedCommit[] => commits(partitionOf(screen.key, PARTITIONS));
  return {
    settle: () => {
      isSettled = true;
      for (const socket of sockets) socket.setReading(true);
    },
    faults: (commits) => screens.flatMap((screen) => faultOf(screen, commitsOf(screen, commits), isLossy()) ?? []),
    areCurrent: (commits) =>
      screens.every(({ key, since, stretches }, at) => {
        const own = commitsOf(screens[at] as Screen, commits);
        const last = own.findLast((commit) => framesOf(commit, key).length > 0);
        return stretches.length > 0 && (last === undefined || Number.parseInt(since ?? "0", 10) >= last.seq);
      }),
    visits: () => screens.reduce((sum, { visits }) => sum + visits, 0),
  };
}

/** As engine/deliver/live-frames.ts says: what leaves the screens first, then what is new on them. */
function framesOf({ decisions, withdrawals }: LoggedCommit, key: CustomerKey): readonly string[] {
  const gone = withdrawals.filter((each) => each.key === key).map(({ trackingCode }) => `withdraw ${trackingCode}`);
  const items = decisions
    .filter((each) => each.key === key)
    .flatMap(({ slates }) => slates.flatMap((one) => one.items));
  return [...gone, ...items.filter(({ kept }) => !kept).map(({ trackingCode }) => `nba ${trackingCode}`)];
}

function faultOf(
  { key, stretches, since }: Screen,
  commits: readonly LoggedCommit[],
  isLossy: boolean,
): string | undefined {
  const known = new Set(commits.map(({ seq }) => seq));
  for (const [at, { from, shown }] of stretches.entries()) {
    // One that began with a commit that Redis lost says nothing of where it stands.
    if (from !== 0 && !known.has(from)) continue;
    const isLast = at === stretches.length - 1;
    const to = isLast ? Number.parseInt(since as string, 10) : (shown.at(-1)?.seq ?? from);
    const expected = commits
      .filter(({ seq }) => seq > from && seq <= to)
      .flatMap((commit) => framesOf(commit, key).map((what) => `${commit.seq} ${what}`));
    const isThere = ({ seq, what }: Shown): boolean => {
      if (!isLossy) return known.has(seq);
      // What Redis lost was shown all the same, and its number may have been given anew.
      return commits.some((commit) => commit.seq === seq && framesOf(commit, key).includes(what));
    };
    const found = shown.filter(isThere).map(({ seq, what }) => `${seq} ${what}`);
    // What it missed where it was shown everything afresh, it did not miss.
    const count = isLast ? Math.max(expected.length, found.length) : found.length;
    for (let nth = 0; nth < count; nth++) {
      if (expected[nth] === found[nth]) continue;
      return `${key} was shown ${found[nth]} and should have been shown ${expected[nth]} after ${from}`;
    }
  }
  return undefined;
}
