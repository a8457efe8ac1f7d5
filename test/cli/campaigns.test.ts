import { expect, it } from "vitest";
import { renderCampaigns } from "../../engine/cli/campaigns.ts";
import { plain } from "../../engine/cli/terminal.ts";
import type { Instant } from "../../engine/domain/time.ts";

it("a table with a bar for each campaign", () => {
  const from = Date.UTC(2026, 0, 31, 9) as Instant;
  const to = Date.UTC(2026, 1, 1) as Instant;
  const one = { placement: "outreach", from, to, perSecond: 10, asked: 1_200, acted: 900 };
  const lines = renderCampaigns(
    [
      { id: "spring", ...one, state: "running", customers: 4_000, walked: 1_000 },
      { id: "nobody", ...one, state: "done", customers: 0, walked: 0 },
    ],
    plain,
  ).split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[1]).toMatch(
    /^spring {2,}outreach {2,}2026-01-31T09:00Z {2,}2026-02-01T00:00Z {2,}running {2,}█{5}░{15} 25% /,
  );
  expect(lines[1]).toMatch(/1,000 {2,}4,000 {2,}1,200 {2,}900$/);
  expect(lines[2]).toContain("done     ████████████████████ 100%");
});
