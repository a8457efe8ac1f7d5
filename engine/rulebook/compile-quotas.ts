// rules/quotas.yaml: what may be spent over all customers.
import { nameHash } from "../domain/hash.ts";
import type { QuotaIndex } from "../domain/ids.ts";
import type { PolicyNames } from "./compile-policy.ts";
import { checkZone } from "./compile-quiet-hours.ts";
import type { FaultLog } from "./fault.ts";
import { createNameTable } from "./names.ts";
import type { Quota } from "./policies.ts";
import type { QuotasFile } from "./schema-policy.ts";
import type { Path, Source } from "./source.ts";

/** @param defaultZone of the days of those that name no zone */
export function compileQuotas(
  file: QuotasFile,
  names: PolicyNames,
  defaultZone: string,
  source: Source,
  faults: FaultLog,
): readonly Quota[] {
  const ids = createNameTable("quota", faults);
  return file.quotas.map((written, index): Quota => {
    const path: Path = ["quotas", index];
    ids.declare(written.id, source.placeOf([...path, "id"]));
    const { unit = "contacts", pacing = "none", timeZone } = written;
    if (timeZone !== undefined) checkZone(timeZone, [...path, "timeZone"], source, faults);
    if (unit === "contacts" && !Number.isInteger(written.max)) {
      faults.add(source.placeOf([...path, "max"]), `${written.max} contacts: write a whole number`);
    }
    if (pacing === "even" && written.per === "total") {
      const message = "pacing is over a day: write per: day, or take pacing out";
      faults.add(source.placeOf([...path, "pacing"]), message);
    }
    const scope = (kind: keyof PolicyNames) => {
      const name = written[kind];
      return name === undefined ? undefined : names[kind].refer(name, source.placeOf([...path, kind]));
    };
    return {
      index: index as QuotaIndex,
      id: written.id,
      hash: nameHash("quota", written.id),
      place: source.placeOf(path),
      channel: scope("channel"),
      issue: scope("issue"),
      group: scope("group"),
      action: scope("action"),
      unit,
      max: written.max,
      per: written.per,
      timeZone: timeZone ?? defaultZone,
      pacing,
    };
  });
}
