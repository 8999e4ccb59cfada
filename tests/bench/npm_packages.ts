/** A tree of large npm packages, as it lies in the folders of those who write programs with them. */

/**
 * Installed into one tree, with all that they need. These versions are exact; what they need in turn is what
 * npm chooses on the day.
 */
export const packages: readonly string[] = [
  "typescript@5.9.3",
  "webpack@5.112.2",
  "react-dom@19.3.1",
  "lodash@4.18.1",
  "rxjs@7.8.2",
  "three@0.170.0",
  "date-fns@4.4.0",
  "@babel/core@7.29.13",
  "eslint@9.39.5",
  "jest@29.7.0",
  "vite@6.4.6",
  "svelte@5.57.3",
  "vue@3.5.45",
  "@angular/core@19.2.25",
  "@angular/compiler@19.2.25",
  "d3@7.9.2",
  "moment@2.31.0",
  "@aws-sdk/client-s3@3.1175.0",
  "firebase@11.10.0",
  "prettier@3.10.1",
  "mathjs@14.9.1",
  "core-js@3.51.0",
  "mermaid@11.17.2",
  "monaco-editor@0.52.2",
  "ag-grid-community@33.3.2",
  "echarts@5.6.0",
  "chart.js@4.6.1",
  "highlight.js@11.12.0",
  "@mui/material@6.5.0",
];

const installMsMax = 600_000;
/** A network that is not there is given up after seconds instead of minutes. */
const retries = ["--fetch-retry-mintimeout", "2000", "--fetch-retry-maxtimeout", "4000"];

/**
 * Installs the first packages of the list into a folder; none of them runs anything. `env` is added to npm's
 * environment.
 * @returns why it cannot be done here, if so
 */
export async function installPackages(
  folder: string,
  count: number,
  env: Record<string, string> = {},
): Promise<string | undefined> {
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error", ...retries];
  try {
    const { success, stderr } = await new Deno.Command("npm", {
      args: ["install", ...options, "--prefix", folder, ...packages.slice(0, count)],
      stdout: "null",
      env,
      signal: AbortSignal.timeout(installMsMax),
    }).output();
    if (success) return undefined;
    return `npm could not install the packages: ${reasonIn(new TextDecoder().decode(stderr))}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "npm is not installed";
    throw error;
  }
}

/** The first line of npm's complaints that says something. */
function reasonIn(complaints: string): string {
  const lines = complaints.split("\n").map((line) => line.replace(/^npm (error|ERR!) ?/, "").trim());
  return lines.find((line) => !/^((code|errno|syscall) .*)?$/.test(line)) ??
    "it said nothing, or took too long";
}
