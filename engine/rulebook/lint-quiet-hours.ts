// Quiet hours that leave gaps, that leave nothing, or that nobody can tell for want of a time zone.
import { formatDuration, MINUTE_MS } from "../domain/time.ts";
import { type Lint, type LintInput, lintAt } from "./lint.ts";
import type { QuietHours } from "./policies.ts";
import type { Channel, Rulebook } from "./rulebook.ts";

const DAY_MINUTES = 24 * 60;
const WEEK_MINUTES = 7 * DAY_MINUTES;
/** Between two quiet times: less is hardly meant. */
const GAP_MINUTES = 60;

export function lintQuietHours({ rulebook }: LintInput): readonly Lint[] {
  const [first] = rulebook.quietHours;
  const calendar = rulebook.contactLimits.find((limit) => limit.calendarDays > 0);
  if (first === undefined) return calendar === undefined ? [] : zoneLints(rulebook, calendar, "calendar-without-zone");
  return [
    ...zoneLints(rulebook, first, "quiet-hours-without-zone"),
    ...outboundChannels(rulebook).flatMap((channel) => channelLints(channel, rulebook)),
    ...holdLints(rulebook),
  ];
}

function outboundChannels({ channels, placements, treatments }: Rulebook): readonly Channel[] {
  return channels.filter(({ index }) =>
    treatments.some(
      (treatment) =>
        treatment.channel === index &&
        treatment.placements.some((placement) => placements[placement]?.direction === "outbound"),
    ),
  );
}

type ZoneLint = "quiet-hours-without-zone" | "calendar-without-zone";

function zoneLints({ zones }: Rulebook, { place }: Pick<QuietHours, "place">, id: ZoneLint): readonly Lint[] {
  if (zones.fallback !== undefined) return [];
  const isUnknown = zones.zoneAttribute === undefined && zones.countryAttribute === undefined;
  const who = isUnknown ? "no customer has a time zone" : "a customer whose attributes tell no time zone has none";
  const then =
    id === "quiet-hours-without-zone"
      ? "and is sent nothing on these channels"
      : "and is counted over a rolling window instead of calendar days";
  const message = `${who} ${then}: write timeZone: { default: Europe/Vienna } or the like in rulebook.yaml`;
  return [lintAt(place, id, isUnknown ? "warning" : "note", message)];
}

function channelLints(channel: Channel, { quietHours }: Rulebook): readonly Lint[] {
  const own = quietHours.filter(({ channels }) => channels.length === 0 || channels.includes(channel.hash));
  const name = `channel ${JSON.stringify(channel.name)}`;
  const [first] = own;
  if (first === undefined) {
    const message = `${name} sends outbound messages and has no quiet hours, while other channels have`;
    return [lintAt(channel.place, "quiet-hours-missing", "warning", message)];
  }
  const quiet = weekOf(own);
  const open = openTimes(quiet);
  if (open.length === 0) {
    return [
      lintAt(first.place, "quiet-hours-always", "warning", `${name} is quiet all week: nothing is ever sent there`),
    ];
  }
  const short = open.filter(({ minutes }) => minutes < GAP_MINUTES);
  return short.slice(0, 1).map(({ from, minutes }) => {
    const gap = `${formatDuration(minutes * MINUTE_MS)} from ${timeOf(from)}`;
    const message = `${name} may be used for only ${gap}, between two quiet times: join them, or leave an hour`;
    return lintAt(first.place, "quiet-hours-gap", "warning", message);
  });
}

/** By minute of the week, Monday first: is it quiet? */
function weekOf(list: readonly QuietHours[]): readonly boolean[] {
  const quiet = new Array<boolean>(WEEK_MINUTES).fill(false);
  for (const { fromMinute, toMinute, days } of list) {
    const length = toMinute > fromMinute ? toMinute - fromMinute : toMinute + DAY_MINUTES - fromMinute;
    days.forEach((begins, day) => {
      if (!begins) return;
      const from = day * DAY_MINUTES + fromMinute;
      for (let minute = from; minute < from + length; minute++) quiet[minute % WEEK_MINUTES] = true;
    });
  }
  return quiet;
}

/** Stretches of the week that are not quiet; one that runs over its end is whole. */
function openTimes(quiet: readonly boolean[]): readonly { readonly from: number; readonly minutes: number }[] {
  const begin = quiet.indexOf(true);
  if (begin === -1) return [{ from: 0, minutes: WEEK_MINUTES }];
  const open: { from: number; minutes: number }[] = [];
  for (let step = 0; step < WEEK_MINUTES; step++) {
    const minute = (begin + step) % WEEK_MINUTES;
    if (quiet[minute]) continue;
    const isNew = quiet[(minute + WEEK_MINUTES - 1) % WEEK_MINUTES];
    if (isNew) open.push({ from: minute, minutes: 1 });
    else (open.at(-1) as { minutes: number }).minutes++;
  }
  return open;
}

const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

function timeOf(minute: number): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const within = minute % DAY_MINUTES;
  return `${WEEKDAYS[Math.floor(minute / DAY_MINUTES)]} ${two(Math.floor(within / 60))}:${two(within % 60)}`;
}

/** What quiet hours keep back is gone, unless it is held. */
function holdLints({ triggers, campaigns, placements }: Rulebook): readonly Lint[] {
  const asks = [
    ...triggers.map((trigger) => ({ noun: "trigger", ...trigger })),
    ...campaigns.map((campaign) => ({ noun: "campaign", ...campaign })),
  ];
  return asks
    .filter(({ holdForMs, placement }) => holdForMs === 0 && placements[placement]?.direction === "outbound")
    .map(({ noun, id, place }) => {
      const message = `what ${noun} ${JSON.stringify(id)} would send in quiet hours is lost: to decide again when they end write e.g. holdFor: 12h`;
      return lintAt(place, "quiet-hours-lose", "note", message);
    });
}
