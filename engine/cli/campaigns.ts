import { Command } from "commander";
import type { CampaignProgress } from "../engine.ts";
import { configOf } from "./config-of.ts";
import { CommandTrouble, formatTable, type Paint, paintFor, printJson, printLine } from "./terminal.ts";
import { tokenHeaders } from "./token-headers.ts";

export function campaignsCommand(): Command {
  return new Command("campaigns")
    .description("how far the campaigns of a running engine have come")
    .option("--url <url>", "of the engine; else the HOST and PORT that it would have here")
    .option("--json", "print it as JSON", false)
    .addHelpText(
      "after",
      "\nNBA_TOKEN: a token or key with the scope admin, where the engine asks for one.\n\nExample:\n  npx nba campaigns --url http://127.0.0.1:8080",
    )
    .action(showCampaigns);
}

async function showCampaigns(flags: { readonly url?: string; readonly json: boolean }): Promise<void> {
  const campaigns = await readCampaigns(flags.url ?? defaultUrl());
  if (flags.json) printJson({ campaigns });
  else if (campaigns.length === 0) printLine("the active rulebook has no campaigns (campaigns.yaml)");
  else printLine(renderCampaigns(campaigns, paintFor(process.stdout, process.env)));
}

function defaultUrl(): string {
  const { host, port } = configOf(process.env);
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function readCampaigns(url: string): Promise<readonly CampaignProgress[]> {
  const answer = await fetch(`${url}/v1/campaigns`, { headers: tokenHeaders(process.env) }).catch((error: Error) => {
    const why = error.cause instanceof Error ? error.cause.message : error.message;
    throw new CommandTrouble(`no engine answers at ${url} (${why}): start one, or name it by --url`, 1);
  });
  if (!answer.ok) throw new CommandTrouble(`${url} answers ${answer.status}: ${await answer.text()}`, 1);
  return ((await answer.json()) as { readonly campaigns: readonly CampaignProgress[] }).campaigns;
}

export function renderCampaigns(campaigns: readonly CampaignProgress[], paint: Paint): string {
  const rows = campaigns.map(({ id, placement, from, to, state, customers, walked, asked, acted }) => ({
    campaign: id,
    placement,
    from: minute(from),
    to: minute(to),
    state,
    progress: bar(customers === 0 ? (state === "done" ? 1 : 0) : walked / customers),
    walked,
    customers,
    asked,
    acted,
  }));
  return formatTable(rows, paint);
}

/** UTC. */
function minute(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16)}Z`;
}

function bar(share: number): string {
  const full = Math.floor(Math.min(1, share) * 20);
  return `${"█".repeat(full)}${"░".repeat(20 - full)} ${Math.floor(Math.min(1, share) * 100)}%`;
}
