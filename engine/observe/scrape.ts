// The only importer of prom-client: it formats the text, escapes labels and brings Node's own metrics.
import { collectDefaultMetrics, type Metric, Registry, type RegistryContentType } from "prom-client";
import type { Reading, Sample } from "./series.ts";

export type Scrape = (accept: string | undefined) => Promise<{ readonly contentType: string; readonly text: string }>;

/** Gauges that prom-client names `_total`, which the name of a counter ends with; of little use besides. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

interface Source {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly get: () => Promise<{ readonly values: readonly Sample[] }>;
}

export function createScrape(readings: readonly Reading[]): Scrape {
  const sources = [...readings.map(sourceOf), ...nodeSources()];
  const plain = registryOf(sources, Registry.PROMETHEUS_CONTENT_TYPE);
  const open = registryOf(sources, Registry.OPENMETRICS_CONTENT_TYPE);
  return async (accept) => {
    const registry = accept?.includes("application/openmetrics-text") === true ? open : plain;
    return { contentType: registry.contentType, text: await registry.metrics() };
  };
}

function sourceOf(reading: Reading): Source {
  return { ...reading, get: async () => ({ values: reading.read() }) };
}

function nodeSources(): Source[] {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  return registry.getMetricsAsArray() as unknown as Source[];
}

/** One view of each source per registry: the OpenMetrics registry renames the objects that it is given. */
function registryOf(sources: readonly Source[], contentType: RegistryContentType): Registry<RegistryContentType> {
  const registry = new Registry<RegistryContentType>();
  registry.setContentType(contentType);
  for (const source of sources) {
    const view = {
      name: source.name,
      help: source.help,
      type: source.type,
      get: async () => ({ name: view.name, help: source.help, type: source.type, values: (await source.get()).values }),
    };
    registry.registerMetric(view as unknown as Metric);
  }
  return registry;
}
