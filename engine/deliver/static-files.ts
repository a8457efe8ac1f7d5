// The pages of the console and the ES modules that they import: read once at start, so that only what was there can be asked for.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import type { Answer } from "./answer.ts";
import type { Route } from "./route.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
};

/** Modules of packages, by the path that the pages import them from. */
const VENDOR: readonly { readonly path: string; readonly package: string; readonly file: string }[] = [
  { path: "/vendor/preact.module.js", package: "preact", file: "dist/preact.mjs" },
  { path: "/vendor/htm.module.js", package: "htm", file: "dist/htm.module.js" },
  { path: "/vendor/uplot.js", package: "uplot", file: "dist/uPlot.esm.js" },
  { path: "/vendor/uplot.css", package: "uplot", file: "dist/uPlot.min.css" },
];

/** Scripts, styles and connections of this origin only; styles set by script (uPlot, preact) are not inline styles. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** One GET route for each file of `consoleDir` (pages without their `.html`, index.html at `/`) and each vendored module. */
export function staticRoutes(consoleDir: string): readonly Route[] {
  const pages = readdirSync(consoleDir, { withFileTypes: true, recursive: true }).flatMap((entry) => {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) return [];
    const file = join(entry.parentPath, entry.name);
    const path = file.slice(consoleDir.length).replaceAll("\\", "/").replace(/^\/*/, "/");
    return [fileRoute(pagePath(path), type, readFileSync(file))];
  });
  const vendored = VENDOR.map(({ path, package: name, file }) => {
    const text = readFileSync(join(packageDir(name), file), "utf8");
    return fileRoute(path, TYPES[extname(path)] as string, Buffer.from(withPaths(text)));
  });
  return [...pages, ...vendored];
}

/** `/index.html` -> `/`, `/inspector.html` -> `/inspector`. */
function pagePath(path: string): string {
  return path === "/index.html" ? "/" : path.replace(/\.html$/, "");
}

function fileRoute(path: string, type: string, body: Buffer): Route {
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  const headers = {
    "content-type": type,
    "cache-control": "no-cache",
    etag,
    ...(type.startsWith("text/html")
      ? { "content-security-policy": CONTENT_SECURITY_POLICY, "cross-origin-opener-policy": "same-origin" }
      : {}),
  };
  const full: Answer = { status: 200, headers, body };
  const unchanged: Answer = { status: 304, headers, body: "" };
  return {
    method: "GET",
    path,
    operation: "console",
    access: "public",
    summary: "A file of the console",
    bodyMax: 0,
    consumes: [],
    answers: { 200: { description: "the file", mediaType: type } },
    problems: ["rate-limited"],
    answer: ({ ifNoneMatch }) => (listsTag(ifNoneMatch, etag) ? unchanged : full),
  };
}

function listsTag(header: string, etag: string): boolean {
  return header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

/** Browsers cannot resolve the name of a package, and an import map would have to be inline. */
function withPaths(text: string): string {
  return text
    .replace(/\bfrom\s*(["'])preact\1/g, 'from"/vendor/preact.module.js"')
    .replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "\n");
}

/** The folder of a package: not every one exports its package.json. */
function packageDir(name: string): string {
  let dir = dirname(createRequire(import.meta.url).resolve(name));
  while (!existsSync(join(dir, "package.json")) || !dir.endsWith(name)) {
    const parent = dirname(dir);
    if (parent === dir) throw new Error(`package "${name}" is not installed: run npm ci`);
    dir = parent;
  }
  return dir;
}
